/* The pages of sign-in, proof and one's own account: their passkey buttons. */
import { enhancePasskeys } from "./passkey_boxes.ts";

enhancePasskeys(document);
