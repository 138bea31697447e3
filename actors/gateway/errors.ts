/** The gateway's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const gatewayErrors = errorTable({
  GATEWAY_PORT_IN_USE: {
    meaning: "Another program already listens on the address of one of the gateway's doors.",
    remedy: "Stop that program, or give the door another address in the section [gateway].",
  },
  GATEWAY_LISTEN_FAILED: {
    meaning: "The system does not let the gateway listen on the address of one of its doors.",
    remedy:
      "Use an address of this machine (127.0.0.1 always is one) and a port of 1024 or above in the section [gateway].",
  },
  GATEWAY_PAGE_MISSING: {
    meaning: "The files of the web page are not where the program expects them.",
    remedy: "The installation is incomplete: the folder actors/gateway/http/page belongs to it.",
  },
});
