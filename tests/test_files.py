"""Folders that are written to."""

import threading

from edgescope._files import writable_folder


def test_many_threads_may_ask_for_the_same_folder_at_once(tmp_path):
    refused = []

    def ask():
        try:
            for _ in range(200):
                writable_folder(tmp_path / "folder")
        except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused
    assert not list((tmp_path / "folder").iterdir())
