/** The supervisor's error codes: how children end, and what it refuses. */
import { errorTable, TroupeError } from "../runtime/errors.ts";

export const supervisorErrors = errorTable({
  SUPERVISOR_BAD_SPEC: {
    meaning: "The description of a child or of a supervisor contradicts itself.",
    remedy: "A programmer's error: correct the tree that supervisor/root.ts composes.",
  },
  SUPERVISOR_HOST_TAKEN: {
    meaning: "Another supervisor on the same bus has the same name.",
    remedy: "Give each host a name of its own: `host` in the section [troupe].",
  },
  SUPERVISOR_NO_SUCH_CHILD: {
    meaning: "No child of the tree has this name.",
    remedy: "Look at `supervisor status`; it lists every child.",
  },
  SUPERVISOR_STOPPED: {
    meaning: "The supervisor is stopping or has stopped, and takes no orders.",
    remedy: "Start it again with `supervisor start`.",
  },
  SUPERVISOR_BOOT_FAILED: {
    meaning: "A child could not start, so those already started were stopped again, last first.",
    remedy: "The message names the child and its reason; correct that and start again.",
  },
  SUPERVISOR_LIMIT: {
    meaning: "A critical child failed so often that its supervisor gave up.",
    remedy: "Read the child's log. The outer init (systemd, a container) starts the program again.",
  },
  SUPERVISOR_START_TIMEOUT: {
    meaning: "A child did not say that it had started within its time.",
    remedy: "See its log; raise `start_timeout` if its work takes that long.",
  },
  SUPERVISOR_START_FAILED: {
    meaning: "A child said that it could not start.",
    remedy: "The message carries its reason; see its log.",
  },
  SUPERVISOR_HOST_DOWN: {
    meaning: "A child's stage was not up, so the child could not be started in it.",
    remedy: "See why the stage does not come up: `supervisor status` shows its last error.",
  },
  SUPERVISOR_UNRESPONSIVE: {
    meaning:
      "A child's event loop stood still for too long, or it did not answer three health probes in a row.",
    remedy:
      "It was killed and started again. If it happens often, look for long synchronous work in its log.",
  },
  SUPERVISOR_SUSPEND_FAILED: {
    meaning: "A child did not suspend or resume around the restart of an actor that it depends on.",
    remedy: "It was killed and started afresh; nothing to do unless it repeats.",
  },
  SUPERVISOR_CHILD_THREW: {
    meaning: "A child ended by an error that nothing caught.",
    remedy: "It was started again. The message is the error's; the stack is in the child's log.",
  },
  SUPERVISOR_CHILD_EXITED: {
    meaning: "A child ended without saying farewell.",
    remedy: "It was started again. See the end of its log.",
  },
  SUPERVISOR_CHILD_SIGNALLED: {
    meaning: "A child's process was ended by a signal from outside.",
    remedy:
      "It was started again. SIGKILL without an operator is usually the kernel's out-of-memory killer: see dmesg.",
  },
  SUPERVISOR_CHILD_ABORTED: {
    meaning: "A child's process aborted: its heap was full, or native code crashed.",
    remedy: "It was started again. Give it more memory (`heap_mb`) or less to do.",
  },
  SUPERVISOR_OUT_OF_MEMORY: {
    meaning: "A thread reached the limit of its heap.",
    remedy: "It was started again. Give it more memory (`heap_mb`) or less to do.",
  },
  SUPERVISOR_CLOSED_PORT: {
    meaning: "A child closed its control channel and could no longer be watched.",
    remedy: "It was ended and started again. A programmer's error in the actor or one of its packages.",
  },
  SUPERVISOR_LOST_HOST: {
    meaning: "A thread ended because the process that held it ended.",
    remedy: "It is started again as soon as its stage is back; see the stage's last error.",
  },
  SUPERVISOR_KILLED: {
    meaning: "A child did not stop in its time and was killed.",
    remedy: "Raise its shutdown time if it has that much to finish.",
  },
  SUPERVISOR_UNKILLABLE: {
    meaning: "A child is still there although it was killed: it sits in native code or in the kernel.",
    remedy:
      "A stage ends itself in this case. In the supervisor's own process only a restart of the program helps.",
  },
  SUPERVISOR_ALREADY_RUNNING: {
    meaning: "Another supervisor uses this data directory.",
    remedy:
      "See it with `supervisor status`, end it with `supervisor stop`, or choose another directory with --data.",
  },
  SUPERVISOR_NOT_RUNNING: {
    meaning: "No supervisor answers for this data directory.",
    remedy: "Start it with `supervisor start`; give the same --data or --sandbox as at its start.",
  },
  SUPERVISOR_GONE: {
    meaning: "The supervisor ended while it was being asked something.",
    remedy: "See the end of its log with `supervisor logs supervisor`.",
  },
  SUPERVISOR_NO_ANSWER: {
    meaning: "The supervisor did not answer an order in time.",
    remedy: "See `supervisor logs supervisor`; end the process by hand if it hangs.",
  },
  SUPERVISOR_BAD_ORDER: {
    meaning: "What came over the admin socket is no order that the supervisor knows.",
    remedy: "Use the command of the same release as the running supervisor.",
  },
  SUPERVISOR_PATH_TOO_LONG: {
    meaning: "The data directory's name is too long for the address of a socket in it.",
    remedy: "Choose a shorter data directory with --data.",
  },
  SUPERVISOR_DATA_UNUSABLE: {
    meaning: "The data directory cannot be made, is not ours, or cannot be written.",
    remedy: "The message says what to type; or choose another directory with --data.",
  },
  SUPERVISOR_WRONG_NETWORK: {
    meaning: "The data directory belongs to another Bitcoin network.",
    remedy: "Give each network a data directory of its own.",
  },
  SUPERVISOR_PORT_IN_USE: {
    meaning: "An address that a door or the bus should listen on cannot be had.",
    remedy: "The message names the key to change; `ss -ltnp` shows who has a port.",
  },
  SUPERVISOR_BAD_PLAN: {
    meaning: "The configuration asks for something that cannot be done as it stands.",
    remedy: "The message names the keys that contradict each other or the machine.",
  },
  SUPERVISOR_NO_NODE: {
    meaning: "Actors need a Bitcoin node, none is named, and none keeps its data in the usual place.",
    remedy:
      "`supervisor config init` asks for it; or set `rpc` and `data_directory` in [node]; or start with --sandbox; or place the actors `off`.",
  },
  SUPERVISOR_BUS_UNREACHABLE: {
    meaning: "The bus's broker did not answer at its address.",
    remedy: "See the log of the child `bus`; in external mode check the url and that the broker runs.",
  },
});

export function badSpec(child: string, why: string): TroupeError {
  return new TroupeError(
    { code: "SUPERVISOR_BAD_SPEC", child },
    `The child "${child}" is described wrongly: ${why}.`,
  );
}

export function stopped(id: string): TroupeError {
  return new TroupeError(
    { code: "SUPERVISOR_STOPPED" },
    `The supervisor "${id}" is stopping or has stopped, and takes no orders.`,
  );
}

export function noSuchChild(child: string, children: readonly string[]): TroupeError {
  return new TroupeError(
    { code: "SUPERVISOR_NO_SUCH_CHILD", child, children },
    `There is no child "${child}" in the tree. Its children are: ${children.join(", ")}.`,
  );
}
