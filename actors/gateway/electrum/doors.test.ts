import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { gatewayContract } from "../../../bus/contracts/gateway.ts";
import { silentLog } from "../../../bus/fake.ts";
import { FakeTor } from "../../../tests/harness/electrum/fake-tor.ts";
import { RawClient } from "../../../tests/harness/electrum/raw-client.ts";
import { type GatewayOptions, GatewayUnderTest } from "../../../tests/harness/gateway/gateway.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const opened: { stop(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

async function gatewayWith(options: GatewayOptions): Promise<GatewayUnderTest> {
  const made = await GatewayUnderTest.start(options);
  opened.push(made);
  return made;
}

describe("the Electrum door", () => {
  it("is told with its addresses, an onion one too as soon as Tor has given it, and clients come in there", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-tor-"));
    const tor = await FakeTor.start(directory);
    opened.push(tor);
    const under = await gatewayWith({
      config: {
        electrum_tls_listen: "127.0.0.1:0",
        electrum_onion: true,
        tor_control: `127.0.0.1:${tor.port}`,
      },
    });
    await waitFor("the onion's address", () =>
      under.openedDoors.some(({ name }) => name === "electrum onion"),
    );
    const [service] = tor.services.values();
    const client = await RawClient.connect({ carrier: "tcp", port: Number(service?.ports.split(":")[1]) });

    const answer = await client.exchange('{"id":1,"method":"server.version"}');
    const features = await client.exchange('{"id":2,"method":"server.features"}');

    const onion = `${"a".repeat(55)}b.onion`;
    expect(under.openedDoors.map(({ address }) => address)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^tls:/), `tcp://${onion}:50001`]),
    );
    expect(answer.result).toEqual(["Troupe 0.0.0", "1.4"]);
    expect(features.result).toMatchObject({ hosts: { [onion]: { tcp_port: 50_001 } } });
    client.close();
    rmSync(directory, { recursive: true });
  });

  it("cannot offer an onion service when nobody has said where Tor is", async () => {
    const under = await GatewayUnderTest.make({ config: { electrum_onion: true } });
    opened.push(under);

    await expect(under.actor.start()).rejects.toMatchObject({ code: "GATEWAY_TOR_UNSET" });
  });
});

describe("other Electrum servers", () => {
  async function features(config: Record<string, unknown>): Promise<unknown> {
    const under = await gatewayWith({ config: { electrum_tcp_listen: "127.0.0.1:0", ...config } });
    const address = under.openedDoors.find(({ name }) => name === "electrum tcp")?.address ?? "";
    const client = await RawClient.greeted({ carrier: "tcp", port: Number(new URL(address).port) });
    const told = await client.call("server.features");
    client.close();
    return told;
  }

  it("are told the ports that the operator has set, and of the others those of the doors", async () => {
    const names = { electrum_host_names: ["we.example"] };
    expect(await features({ ...names, electrum_public_tls_port: 443 })).toMatchObject({
      hosts: { "we.example": { tcp_port: expect.any(Number), ssl_port: 443 } },
    });
    expect(await features({ ...names, electrum_public_tcp_port: 0 })).toMatchObject({
      hosts: { "we.example": { tcp_port: null } },
    });
  });

  it("cannot be met only through Tor when nobody has said where Tor is", async () => {
    const under = await GatewayUnderTest.make({
      config: {
        electrum_tcp_listen: "127.0.0.1:0",
        electrum_peers: "find",
        electrum_peers_only_by_tor: true,
      },
    });
    opened.push(under);

    await expect(under.actor.start()).rejects.toMatchObject({
      code: "GATEWAY_TOR_UNSET",
      message: expect.stringMatching(/socks in the section \[tor\]/),
    });
  });

  it("are no matter of a gateway that looks for none: the operator is told how to change that", async () => {
    const under = await gatewayWith({ config: { electrum_tcp_listen: "127.0.0.1:0" } });
    const operator = new ConnectedBus(await under.world.connect("operator"), { log: silentLog() });
    opened.push({ stop: () => operator.close() });
    const gateway = operator.client(gatewayContract, "box");

    expect(await gateway.electrumPeers({})).toMatchObject({ mode: "off", peers: [] });
    await expect(gateway.electrumAddPeer({ peer: "one.example" })).rejects.toMatchObject({
      code: "GATEWAY_PEERS_OFF",
    });
    await expect(gateway.electrumForgetPeer({ host: "one.example" })).rejects.toMatchObject({
      code: "GATEWAY_PEERS_OFF",
    });
  });
});
