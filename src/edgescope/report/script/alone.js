// Nothing follows a threshold on this page.

const follow = () => {};
const drawShown = () => {};
