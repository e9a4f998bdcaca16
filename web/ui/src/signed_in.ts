/* The last page of a window in which somebody signed in: it tells the pages beside it and closes. */
import { SIGNED_IN } from "./signed_in_channel.ts";

new BroadcastChannel(SIGNED_IN).postMessage(null);
window.close();
