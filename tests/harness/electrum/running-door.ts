/** Where the Electrum doors of a running troupe are. */
import type { ChildStatus, Tree } from "../../../bus/contracts/supervisor.ts";
import type { Target, TestCarrier } from "./raw-client.ts";

const UNIX = "unix:";

/** Throws while there is no such door. */
export function electrumTarget({ root }: Tree, carrier: TestCarrier): Target {
  const door = all(root)
    .flatMap(({ doors }) => doors)
    .find(({ name }) => name === `electrum ${carrier}`);
  if (door === undefined) throw new Error(`no door for ${carrier}`);
  const { address } = door;
  return carrier === "unix"
    ? { carrier, port: 0, path: address.slice(UNIX.length) }
    : { carrier, port: Number(new URL(address).port) };
}

/** What `start` has to be told for doors on every carrier; the Unix socket stands in `directory`. */
export function everyCarrier(directory: string): string[] {
  return [
    ...["ws", "wss"].map((carrier) => `gateway.electrum_${carrier}_listen=127.0.0.1:0`),
    `gateway.electrum_unix_socket=${directory}/electrum.sock`,
  ].flatMap((setting) => ["--set", setting]);
}

function all(child: ChildStatus): ChildStatus[] {
  return [child, ...child.children.flatMap(all)];
}
