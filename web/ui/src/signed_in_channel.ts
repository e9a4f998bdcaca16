/* How a window in which somebody signed in tells the pages beside it, and the page on which it does. */

/** Also the name of that window: a second try goes on in the same one. */
export const SIGNED_IN = "custodian-signed-in";
export const SIGNED_IN_PAGE = "/switch/done";
