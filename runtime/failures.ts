/** The runtime's error codes. */
import { errorTable } from "./errors.ts";

export const runtimeErrors = errorTable({
  RUNTIME_UNEXPECTED: {
    meaning:
      "An error without a code of its own was passed on: a fault in the program or in a package it uses.",
    remedy: "Look at the actor's log around the same time, and report the lines with the stack.",
  },
  RUNTIME_CONFIG_INVALID: {
    meaning: "The configuration has one or more mistakes; each is one line with file, line and key.",
    remedy:
      "Mend the lines named. `supervisor config check` tries the configuration without starting anything.",
  },
  RUNTIME_CONFIG_UNREADABLE: {
    meaning: "The configuration file cannot be read, is too large, or is not an ordinary file.",
    remedy: "Check the path and its permissions; `supervisor config init` writes a commented file.",
  },
  RUNTIME_CONFIG_EXPOSED: {
    meaning:
      "Other users of this machine may write the configuration file, and so choose what this program does.",
    remedy: "Check the file's content, then take the permission away: chmod 600 and the file's name.",
  },
  RUNTIME_CONFIG_EXISTS: {
    meaning: "`config init` found a file where it should write.",
    remedy: "Choose another path, or give `--force` to replace the file.",
  },
  RUNTIME_CONFIG_UNWRITABLE: {
    meaning: "The system does not let `config init` write a file where it should.",
    remedy: "Choose a path in a directory of yours, on a disk that is not full or read-only.",
  },
  RUNTIME_SECRET_UNREADABLE: {
    meaning:
      "A file that should hold a secret is missing, empty, too large, not a file, or not readable by us.",
    remedy: "Put the secret into the file named in the message and type chmod 600 and the file's name.",
  },
  RUNTIME_SECRET_EXPOSED: {
    meaning: "A file that holds a secret can be read or replaced by other users of this machine.",
    remedy: "Type the chmod or chown of the message. If others use this machine, replace the secret too.",
  },
  RUNTIME_LOG_UNWRITABLE: {
    meaning: "The log file could not be opened when the actor started.",
    remedy: "Check that the log directory exists, belongs to us, and is not on a read-only disk.",
  },
  RUNTIME_LOG_LOST: {
    meaning: "Lines could not be written to the log file for a while, most often because the disk was full.",
    remedy: "Free space on the disk that holds the data directory. The line says how many lines were lost.",
  },
  RUNTIME_QUEUE_FULL: {
    meaning: "A bounded queue inside an actor was full: work came faster than it was done.",
    remedy: "Try again later. If it stays, look at what the actor waits for.",
  },
  RUNTIME_DEADLINE: {
    meaning: "A step inside an actor took longer than it may.",
    remedy: "Look at the part named in the message; it may be overloaded or gone.",
  },
  RUNTIME_TOR_FAILED: {
    meaning: "Tor's control port does not give us an onion service; it is tried again.",
    remedy:
      "The message says why. Tor has to run with ControlPort and CookieAuthentication 1, and we have to be allowed to read its cookie.",
  },
  RUNTIME_TELEMETRY_INVALID: {
    meaning: "Tracing was asked for with an address that cannot be used.",
    remedy: "Give `telemetry.otlp_endpoint` as an http or https URL, such as http://127.0.0.1:4318.",
  },
  RUNTIME_CONTROL_DEADLINE: {
    meaning:
      "A thread or process did not answer its parent, or the parent its child, within the time of the call.",
    remedy: "If it is stuck the supervisor ends and restarts it by itself; look at its log around that time.",
  },
  RUNTIME_CONTROL_CLOSED: {
    meaning: "The thread or process at the other end of a control channel has ended.",
    remedy: "Nothing to do: the supervisor has seen it and restarts what ought to run.",
  },
});
