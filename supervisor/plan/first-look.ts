/** What is found where the answers of `config init` lead to, before they are written. */
import { type NodeConfig, nodeSection } from "../../bitcoind/config.ts";
import { parseHostPort } from "../../runtime/config/config-values.ts";
import type { Secret } from "../../runtime/secret.ts";
import type { Finding } from "../doctor/finding.ts";
import { checkTorControl, checkTorSocks } from "../doctor/network.ts";
import { checkNodes } from "../doctor/node.ts";

const SOCKS = "127.0.0.1:9050";
const CONTROL = "127.0.0.1:9051";

type Values = Readonly<Record<string, unknown>>;

/** The node behind the answers for `[node]`: there, ours to ask, on our chain, with all blocks, level? */
export function lookAtNode(
  network: string,
  values: Values,
  password: Secret | undefined,
): Promise<readonly Finding[]> {
  const config: NodeConfig = nodeSection.schema.parse(values);
  return checkNodes(config, network, password);
}

/** Whoever names Tor wants it: its absence is a mistake here, and only worth a look in a finished configuration. */
export async function lookAtTor({ socks, control }: Values): Promise<readonly Finding[]> {
  const asked = [
    [socks, checkTorSocks],
    [control, checkTorControl],
  ] as const;
  const found = asked.flatMap(([text, check]) => {
    const address = typeof text === "string" ? parseHostPort(text) : undefined;
    return address === undefined ? [] : [check(address.host, address.port)];
  });
  return (await Promise.all(found)).map((finding) =>
    finding.verdict === "warn" ? { ...finding, verdict: "fail" } : finding,
  );
}

/** Tor's usual ports where it answers at them, else empty texts. */
export async function torAddressesHere(): Promise<{ socks: string; control: string }> {
  const [socks, control] = await Promise.all([
    checkTorSocks("127.0.0.1", 9050),
    checkTorControl("127.0.0.1", 9051),
  ]);
  return {
    socks: socks.verdict === "ok" ? SOCKS : "",
    control: control.verdict === "ok" ? CONTROL : "",
  };
}
