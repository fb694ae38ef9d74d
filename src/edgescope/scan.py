scan=None
load_scan=None
