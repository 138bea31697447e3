/** What the configuration means for the doctor: which listeners, which node, which Tor, which bus. */
import { nodeSection } from "../../bitcoind/config.ts";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import { busSection, torSection } from "../config.ts";
import type { DoctorFacts } from "../doctor/doctor.ts";
import { isNodeNamed, nodeAskers } from "./node-named.ts";
import { listenersOf } from "./preflight.ts";
import type { Settings } from "./settings.ts";

/** `running` is the tree of our own supervisor, if it runs: its listeners are in use and that is right. */
export function doctorFacts(settings: Settings, running: Tree | undefined): DoctorFacts {
  const { config, network, paths } = settings;
  const tor = config.get(torSection);
  const bus = config.get(busSection);
  const socks = tor.socks === undefined ? undefined : parseHostPort(tor.socks);
  const control = tor.control === undefined ? undefined : parseHostPort(tor.control);
  const open = running === undefined ? [] : [running.bus.address, ...doorsOf(running.root)];
  return {
    dataDirectory: paths.root,
    network,
    doors: listenersOf(settings),
    openAddresses: new Set(open.flatMap(hostPortOf)),
    ...(wantsNode(settings) ? { node: config.get(nodeSection) } : {}),
    tor: { ...(socks === undefined ? {} : { socks }), ...(control === undefined ? {} : { control }) },
    bus: { mode: bus.mode, servers: bus.servers },
  };
}

/** A private chain needs a node only when one is named, or when somebody is going to ask it. */
function wantsNode(settings: Settings): boolean {
  if (settings.isSandbox) return false;
  return settings.network !== "regtest" || isNodeNamed(settings) || nodeAskers(settings).length > 0;
}

function doorsOf(child: ChildStatus): string[] {
  return [...child.doors.map(({ address }) => address), ...child.children.flatMap(doorsOf)];
}

/** Of a door with a scheme, or without one. */
function hostPortOf(address: string): string[] {
  if (parseHostPort(address) !== undefined) return [address];
  if (!URL.canParse(address)) return [];
  const { hostname, port } = new URL(address);
  return [`${hostname.replace(/^\[|\]$/g, "")}:${port}`];
}
