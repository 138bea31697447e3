import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import { ALL_SECTIONS } from "../../supervisor/children.ts";
import { FakeTor } from "../../tests/harness/electrum/fake-tor.ts";
import { boxSteps } from "./box-questions.ts";
import { askAll } from "./questions.ts";

let directory: string;
let node: SandboxNode;
let tor: FakeTor;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "box-questions-"));
  node = await SandboxNode.start({ dataDirectory: directory });
  // As if somebody had taken a node of regtest for one of signet.
  cpSync(node.cookiePath, join(directory, "signet", ".cookie"));
  tor = await FakeTor.start(directory);
});
afterAll(async () => {
  await tor.stop();
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

const NODE = "Where does the Bitcoin node answer?";
const KEPT = "Where does the node keep its data? The cookie and the block files are read from there.";
const SOCKS = "Tor's SocksPort? Most makers and takers are behind Tor. Empty: no Tor.";
const CONTROL = "Tor's ControlPort? Only needed to offer onion services. Empty: none.";
const MIXES = "Shall wallets here be able to make coinjoins?";
const MARKET = "Where do they meet makers and takers?";
const EARNS = "Shall wallets here earn by offering coinjoins to others? (`supervisor earn start` begins it)";
const ONION = "Shall takers reach them directly, at an onion service of each maker's own?";

/** Says what stands in the list, else what is offered; whatever was found is kept as it is. */
async function asked(network: string, said: Readonly<Record<string, string>>) {
  const questions: string[] = [];
  const found: string[] = [];
  const answer = (message: string, initial: string) => {
    if (message === "What now?") return Promise.resolve("keep");
    questions.push(message);
    return Promise.resolve(said[message] ?? initial);
  };
  const chosen = await askAll(
    boxSteps(),
    {
      select: async (message, choices, initial) => {
        const value = await answer(message, initial);
        const last = choices.find((choice) => choice.value === value || choice.label === value);
        if (last === undefined) throw new Error(`"${value}" is none of the choices of: ${message}`);
        return last.value;
      },
      text: async (message, initial, validate) => {
        const text = await answer(message, initial);
        if (validate(text) !== undefined) throw new Error(`${message} ${validate(text)}`);
        return text;
      },
      secret: () => Promise.reject(new Error("nobody has a password")),
      tell: (lines) => void found.push(...lines),
    },
    { troupe: { network } },
    async (findings) => findings.map(({ verdict, message }) => `${verdict}: ${message}`),
  );
  for (const section of ALL_SECTIONS) {
    const values = chosen?.[section.name];
    if (values !== undefined) expect(section.schema.safeParse(values).error, section.name).toBeUndefined();
  }
  return { questions, found, chosen };
}

const ours = () => ({ [NODE]: node.rpcUrl, [KEPT]: directory });

describe("what a box is asked", () => {
  it("on a private chain is its node, which is looked at, and who may come in", async () => {
    const { questions, found, chosen } = await asked("regtest", ours());

    expect(found).toEqual([expect.stringMatching(/^ok: chain regtest, block \d+/)]);
    expect(chosen?.["node"]).toMatchObject({ rpc: [node.rpcUrl], data_directory: directory });
    for (const message of [SOCKS, MIXES, MARKET, EARNS, ONION]) expect(questions).not.toContain(message);
  });

  it("tells a node of another chain, and one that is not there", async () => {
    const without = { [SOCKS]: "", [MIXES]: "off" };
    const other = await asked("signet", { ...ours(), ...without });
    const { found } = await asked("signet", { ...ours(), ...without, [NODE]: "http://127.0.0.1:1" });

    expect(other.found).toEqual(['fail: it is on chain "regtest", we are on signet']);
    expect(found).toEqual(["fail: nothing answers there (ECONNREFUSED)"]);
    expect(other.chosen?.["placement"]).toEqual({ taker: "off" });
    for (const message of [CONTROL, MARKET, EARNS]) expect(other.questions).not.toContain(message);
  });

  it("without Tor is told that IRC sees its address, and has no onion service", async () => {
    const { questions, chosen } = await asked("signet", {
      ...{ ...ours(), [SOCKS]: "", [EARNS]: "stage:main" },
      [MARKET]: "on IRC (hackint), which sees this machine's address",
    });

    expect(chosen?.["market"]).toEqual({ irc: ["ircs://irc.hackint.org:6697"] });
    expect(chosen?.["placement"]).toEqual({ maker: "stage:main" });
    expect(questions).not.toContain(ONION);
  });

  it("with Tor meets the market through it, and its makers are reached by onion services if it wants that", async () => {
    const control = `127.0.0.1:${tor.port}`;
    const { found, chosen } = await asked("signet", {
      ...{ ...ours(), [SOCKS]: "127.0.0.1:1", [CONTROL]: control, [EARNS]: "stage:main", [ONION]: "yes" },
      [MARKET]: "there, and on IRC (hackint) through Tor",
    });

    // Whoever names Tor wants it: one that is not there is a mistake.
    expect(found.filter((line) => line.startsWith("fail: "))).toHaveLength(2);
    expect(chosen?.["tor"]).toEqual({ socks: "127.0.0.1:1", control });
    expect(chosen?.["market"]).toEqual({
      irc: [expect.stringMatching(/^irc:\/\/[a-z2-7]{56}\.onion:6667$/)],
      serve_onion: true,
    });
  });
});
