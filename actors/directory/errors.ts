/** The directory's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const directoryErrors = errorTable({
  DIRECTORY_CANNOT_LISTEN: {
    meaning:
      "The directory cannot listen at its address: the port is taken, or the address is not this host's.",
    remedy: "Set [directory] listen to a free port of this host, or port 0 for any.",
  },
});
