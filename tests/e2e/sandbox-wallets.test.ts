/** The wallets that a sandbox begins with: funded, three of them earning, and all of it there again after a restart. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home } from "../harness/cli/command.ts";
import { waitFor } from "../harness/wait-for.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

const start = () =>
  home.start(
    ...["--sandbox", "--data", home.data],
    ...["--set", "sandbox.wallets=true"],
    ...["--set", "sandbox.block_interval_ms=3600000"],
  );

async function earning(): Promise<{ wallet: string; state: string; nick: string }[]> {
  const { stdout } = await home.run("earn", "status", "--json");
  return (JSON.parse(stdout) as { makers: { wallet: string; state: string; nick: string }[] }).makers;
}

async function balance(): Promise<number> {
  const { stdout } = await home.run("wallet", "show", "--json");
  return (JSON.parse(stdout) as { totalSat: number }).totalSat;
}

test("a sandbox has money in wallets and makers on its market, and a restart makes no more of either", async () => {
  const first = await start();
  await first.says(/password +sandbox/);
  const names = ["maker-1", "maker-2", "maker-3"];
  const before = await earning();
  expect(before.map(({ wallet, state }) => [wallet, state])).toEqual(names.map((name) => [name, "offering"]));
  expect(new Set(before.map(({ nick }) => nick)).size).toBe(3);
  expect(await balance()).toBe(600_000_000);
  const shown = await home.run("earn", "status");
  expect(shown.stdout).toMatch(/maker-2 earns as J5/);
  const stopped = await home.run("earn", "stop", "--wallet", "maker-2", "--json");
  expect(JSON.parse(stopped.stdout)).toMatchObject({ wallet: "maker-2" });
  expect(await home.run("earn", "stop", "--wallet", "maker-2")).toMatchObject({ exitCode: 1 });
  expect((await earning()).map(({ wallet }) => wallet)).toEqual(["maker-1", "maker-3"]);
  const dear = await home.run("earn", "start", "--wallet", "maker-1", "--absolute", "450", "--json");
  expect(dear.stderr).toContain("password");
  const report = await home.run("earn", "report", "--wallet", "mine");
  expect(report.stdout).toBe("mine has served no coinjoin that a block shows.\n");

  await home.run("stop");
  await start();
  expect((await earning()).map(({ wallet, state }) => [wallet, state])).toEqual(
    names.map((name) => [name, "offering"]),
  );
  expect(await balance()).toBe(600_000_000);

  const nicks = new Set((await earning()).map(({ nick }) => nick));
  expect(await home.run("restart", "walletd")).toMatchObject({ exitCode: 0 });
  await waitFor("the makers to earn on under other nicks", async () =>
    (await earning()).every(({ state, nick }) => state === "offering" && !nicks.has(nick)),
  );
}, 480_000);
