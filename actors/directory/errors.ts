/** The directory's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const directoryErrors = errorTable({
  DIRECTORY_CANNOT_LISTEN: {
    meaning:
      "The directory cannot listen at its address: the port is taken, or the address is not this host's.",
    remedy: "Set [directory] listen to a free port of this host, or port 0 for any.",
  },
  DIRECTORY_TOR_UNSET: {
    meaning: "The directory is to be an onion service, and nobody has said where Tor's control port is.",
    remedy:
      "Set control (127.0.0.1:9051) in the section [tor], or onion in the section [directory] to false.",
  },
  DIRECTORY_BAD_NAME: {
    meaning: "What is to be banned is neither a nick, nor an onion service, nor an address.",
    remedy: "Give it as `supervisor directory peers` shows it.",
  },
  DIRECTORY_BANS_FULL: {
    meaning: "As many bans are in force by order as may be.",
    remedy: "Lift one with `supervisor directory unban`, or give bans an end with --minutes.",
  },
  DIRECTORY_BANS_UNREADABLE: {
    meaning: "The file with the operator's bans is there and cannot be read, or is damaged.",
    remedy: "Mend or remove the file that the message names, and start the directory again.",
  },
});
