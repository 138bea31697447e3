/** The doctor: looks at this host with the eyes of the configuration and says what would go wrong, and what to do. Changes nothing. */
import type { NodeConfig } from "../../bitcoind/config.ts";
import { checkBlockFiles } from "./block-files.ts";
import type { Finding } from "./finding.ts";
import {
  checkClock,
  checkDataDirectory,
  checkMemory,
  checkNodeVersion,
  checkOpenFiles,
  checkProcessSeparation,
} from "./machine.ts";
import {
  checkDoor,
  checkNatsProgram,
  checkNatsServer,
  checkTorControl,
  checkTorSocks,
  type WantedDoor,
} from "./network.ts";
import { checkNodes } from "./node.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** All that the doctor is told; it reads no configuration itself. */
export interface DoctorFacts {
  readonly dataDirectory: string;
  readonly network: string;
  readonly doors: readonly WantedDoor[];
  /** `host:port` of the doors that a running supervisor of this data directory holds. */
  readonly openAddresses: ReadonlySet<string>;
  /** Absent when the sandbox brings its own node. */
  readonly node?: NodeConfig;
  readonly tor?: { readonly socks?: HostPort; readonly control?: HostPort };
  readonly bus: { readonly mode: string; readonly servers: readonly string[] };
}

/** Every check, in the order in which a person would ask. */
export async function runDoctor(facts: DoctorFacts): Promise<Finding[]> {
  const [clock, doors, nodes, tor, bus] = await Promise.all([
    checkClock(),
    Promise.all(facts.doors.map((door) => checkDoor(door, facts.openAddresses))),
    facts.node === undefined ? [] : checkNodes(facts.node, facts.network),
    Promise.all([
      ...(facts.tor?.socks ? [checkTorSocks(facts.tor.socks.host, facts.tor.socks.port)] : []),
      ...(facts.tor?.control ? [checkTorControl(facts.tor.control.host, facts.tor.control.port)] : []),
    ]),
    checkBus(facts.bus),
  ]);
  return [
    checkNodeVersion(),
    checkMemory(),
    checkOpenFiles(),
    ...checkDataDirectory(facts.dataDirectory),
    clock,
    ...checkProcessSeparation(),
    ...bus,
    ...doors,
    ...nodes,
    ...(facts.node === undefined ? [] : checkBlockFiles(facts.node, facts.network)),
    ...tor,
  ];
}

async function checkBus(bus: DoctorFacts["bus"]): Promise<Finding[]> {
  if (bus.mode === "external") return Promise.all(bus.servers.map((server) => checkNatsServer(server)));
  if (bus.mode === "spawn") return [checkNatsProgram()];
  return [];
}
