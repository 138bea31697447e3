/** The command line and the configuration as one value. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { nestStages, stageIdOf } from "./placed.ts";
import { configInputOf, findDataPaths, type PlacedActor, type Request, readSettings } from "./settings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-settings-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the file in the data directory is read when there is one", () => {
  mkdirSync(join(directory, "d"), { mode: 0o700 });
  writeFileSync(join(directory, "d", "troupe.toml"), '[troupe]\nnetwork = "signet"\n', { mode: 0o600 });

  const settings = readSettings({ data: join(directory, "d"), environment: {} });

  expect(settings.network).toBe("signet");
  expect(settings.paths.root).toBe(join(directory, "d"));
});

test("the sandbox has a directory of its own and is always a private chain", () => {
  const settings = readSettings({ sandbox: true, set: ["troupe.network=mainnet"], environment: {} });

  expect(settings.network).toBe("regtest");
  expect(settings.paths.root).toBe(join(homedir(), ".troupe-sandbox"));
  expect(configInputOf({ sandbox: true, environment: {} }).file).toBe(
    join(homedir(), ".troupe-sandbox", "troupe.toml"),
  );
});

test("the environment may move the data directory and its file", () => {
  const environment = { TROUPE_TROUPE__DATA_DIRECTORY: join(directory, "elsewhere") };

  expect(configInputOf({ environment }).file).toBe(join(directory, "elsewhere", "troupe.toml"));
  expect(readSettings({ environment }).paths.root).toBe(join(directory, "elsewhere"));
});

test("a broken configuration does not hide the running supervisor", () => {
  mkdirSync(join(directory, "d"), { mode: 0o700 });
  writeFileSync(join(directory, "d", "troupe.toml"), "[nonsense", { mode: 0o600 });
  const environment = { TROUPE_TROUPE__DATA_DIRECTORY: join(directory, "d") };

  expect(() => readSettings({ environment })).toThrow("TOML");
  expect(findDataPaths({ environment }).root).toBe(join(directory, "d"));
});

test("--only turns the others off and refuses names that nobody has", () => {
  expect(
    readSettings({ data: directory, only: [], environment: {} }).actors.map(({ placement }) => placement),
  ).toEqual(["off", "off", "off", "off", "off"]);
  expect(() => readSettings({ data: directory, only: ["gatway"], environment: {} })).toThrow(
    'no actor "gatway"',
  );
});

test("a placement that is none is refused with the choices", () => {
  const set = ["placement.gateway=cloud"];

  expect(() => readSettings({ data: directory, set, environment: {} })).toThrow(/"stage:<name>", "process"/);
});

test("the sandbox brings its own node, unless the configuration says otherwise", () => {
  const placementIn = (request: Partial<Request>) =>
    readSettings({ data: directory, environment: {}, ...request }).actors.find(({ id }) => id === "node")
      ?.placement;

  expect(placementIn({})).toBeUndefined();
  expect(placementIn({ sandbox: true })).toBe("process");
  expect(placementIn({ sandbox: true, set: ["placement.node=off"] })).toBe("off");
  expect(placementIn({ sandbox: true, set: ["placement.node=stage:main"] })).toBe("stage:main");
  expect(placementIn({ sandbox: true, only: ["gateway"] })).toBe("off");
});

test("a directory node runs in the sandbox, and elsewhere when it is started by name", () => {
  const placementIn = (request: Partial<Request>) =>
    readSettings({ data: directory, environment: {}, ...request }).actors.find(({ id }) => id === "directory")
      ?.placement;

  expect(placementIn({})).toBeUndefined();
  expect(placementIn({ sandbox: true })).toBe("stage:main");
  expect(placementIn({ only: ["directory"] })).toBe("process");
  expect(placementIn({ only: ["directory"], set: ["placement.directory=stage:main"] })).toBe("stage:main");
  expect(placementIn({ only: ["gateway"] })).toBeUndefined();
});

test("whoever names an actor that runs nowhere by itself gets it, in the sandbox too", () => {
  const placementIn = (request: Partial<Request>) =>
    readSettings({ data: directory, environment: {}, ...request }).actors.find(({ id }) => id === "ledger")
      ?.placement;

  expect(placementIn({ sandbox: true })).toBe("off");
  expect(placementIn({ sandbox: true, only: ["ledger"] })).toBe("stage:main");
  expect(placementIn({ sandbox: true, only: ["ledger"], set: ["placement.ledger=process"] })).toBe("process");
  expect(placementIn({ only: ["ledger"] })).toBe("stage:main");
});

test("a worker is found beside the configuration that names it", () => {
  writeFileSync(join(directory, "mine.js"), "");
  writeFileSync(join(directory, "t.toml"), '[implementation]\ngateway = "./mine.js"\n', { mode: 0o600 });

  const gateway = actorOf("gateway", { config: join(directory, "t.toml"), environment: {} });

  expect(gateway).toMatchObject({ isSwapped: true });
  expect(gateway.entry.pathname).toBe(join(directory, "mine.js"));
});

test("threads are shown below the stage that holds them", () => {
  const status = (id: string): ChildStatus => ({
    id,
    kind: "actor",
    state: "ready",
    placement: "",
    critical: false,
    restarts: 0,
    doors: [],
    children: [],
  });
  const gateway = actorOf("gateway", { data: directory, environment: {} });
  const actors = [gateway, { ...gateway, id: "walletd", placement: "process" as const }];

  const nested = nestStages([status("bus"), status("stage"), status("gateway"), status("walletd")], actors);

  expect(nested.map(({ id, children }) => [id, children.map((child) => child.id)])).toEqual([
    ["bus", []],
    ["stage", ["gateway"]],
    ["walletd", []],
  ]);
  expect(stageIdOf("stage:doors")).toBe("stage-doors");
});

function actorOf(id: string, request: Request): PlacedActor {
  const actor = readSettings(request).actors.find((candidate) => candidate.id === id);
  if (actor === undefined) throw new Error(`there is no ${id}`);
  return actor;
}
