import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import { likeContracts } from "../../tests/harness/contracts.ts";
import { type World, worlds } from "../../tests/harness/worlds.ts";
import type { Transport } from "../carrier/transport.ts";
import { allContracts } from "../contracts/all.ts";
import { healthContract, snapshotContract } from "../contracts/builtin.ts";
import { confirmSubscriptions } from "../rpc/confirm.ts";
import { covers } from "../subject.ts";
import type { Contract } from "./contract.ts";
import { OPERATOR, permissionsOf, usersOf } from "./permissions.ts";

/** The invented ones stand in for actors that have no contract yet. */
const contracts: readonly Contract[] = [
  ...allContracts,
  ...likeContracts.filter(({ name }) => allContracts.every((real) => real.name !== name)),
];
const users = usersOf(contracts);

const confirm = (transport: Transport, subscribe: () => void) =>
  confirmSubscriptions({ transport, clock: systemClock }, subscribe);

interface Attempt {
  readonly user: string;
  readonly subject: string;
  readonly isAllowed: boolean;
}

/** Every (caller, method) pair, each caller under its own name and under every other's. */
function publishes(): Attempt[] {
  const attempts: Attempt[] = [];
  for (const contract of contracts) {
    const methods = {
      ...contract.rpcs,
      ...snapshotContract(contract).rpcs,
      ...healthContract(contract.name).rpcs,
    };
    for (const [method, { callers }] of Object.entries(methods)) {
      for (const user of users) {
        const isAllowed = callers.includes(user) || callers.includes("*");
        attempts.push({ user, subject: `troupe.v1.rpc.${contract.name}.i1.${method}.${user}`, isAllowed });
        const other = users.find((name) => name !== user && callers.includes(name));
        if (other !== undefined) {
          attempts.push({
            user,
            subject: `troupe.v1.rpc.${contract.name}.i1.${method}.${other}`,
            isAllowed: false,
          });
        }
      }
    }
    for (const user of users) {
      const isAllowed = user === contract.name;
      attempts.push({ user, subject: `troupe.v1.evt.${contract.name}.i1.anything`, isAllowed });
      attempts.push({ user, subject: `troupe.v1.state.${contract.name}.i1.anything`, isAllowed });
    }
  }
  for (const user of users) {
    for (const other of users.filter((name) => name !== user)) {
      attempts.push({ user, subject: `_INBOX.${other}.x.1`, isAllowed: false });
    }
    attempts.push({ user, subject: "$SRV.PING", isAllowed: user === OPERATOR || user === "supervisor" });
  }
  return attempts;
}

/** Every (reader, event) and (reader, state) pair, and what nobody but its owner may hear. */
function subscribes(): Attempt[] {
  const attempts: Attempt[] = [];
  const hearsAll = (user: string): boolean => user === OPERATOR || user === "supervisor";
  for (const contract of contracts) {
    for (const user of users) {
      for (const [event, { readers, keyed }] of Object.entries(contract.events)) {
        const isAllowed = readers === "*" || readers.includes(user) || hearsAll(user);
        const subject = `troupe.v1.evt.${contract.name}.*.${event}${keyed ? ".*" : ""}`;
        attempts.push({ user, subject, isAllowed });
      }
      for (const [state, { readers }] of Object.entries(contract.states)) {
        const isAllowed = readers === "*" || readers.includes(user) || hearsAll(user);
        attempts.push({ user, subject: `troupe.v1.state.${contract.name}.*.${state}`, isAllowed });
      }
      attempts.push({
        user,
        subject: `troupe.v1.rpc.${contract.name}.i1.x.*`,
        isAllowed: user === contract.name,
      });
    }
  }
  for (const user of users) {
    for (const other of users) {
      attempts.push({ user, subject: `_INBOX.${other}.x.*`, isAllowed: user === other });
      if (other !== user) attempts.push({ user, subject: `troupe.v1.blk.${other}.x`, isAllowed: false });
    }
    for (const subject of [
      ">",
      "_INBOX.>",
      "troupe.>",
      "troupe.v1.rpc.>",
      "troupe.v1.rpc.*.*.*.*",
      "troupe.v1.blk.>",
    ]) {
      attempts.push({ user, subject, isAllowed: false });
    }
  }
  return attempts;
}

for (const maker of worlds) {
  describe.skipIf(maker.missing !== undefined)(`permissions on ${maker.name}`, () => {
    let world: World;
    const transports = new Map<string, Transport>();
    const denied = new Map<string, Set<string>>();

    beforeAll(async () => {
      world = await maker.start(users.map((name) => ({ name, permissions: permissionsOf(name, contracts) })));
      for (const user of users) {
        const transport = await world.connect(user);
        transports.set(user, transport);
        const subjects = new Set<string>();
        denied.set(user, subjects);
        transport.onStatus((status) => {
          if (status.kind === "denied" && status.operation === "publish") subjects.add(status.subject);
        });
      }
    });
    afterAll(() => world.stop());

    test("a caller may ask exactly what a contract lets it ask, under its own name only", async () => {
      const attempts = publishes();

      for (const { user, subject } of attempts) transports.get(user)?.publish(subject, new Uint8Array(1));
      for (const transport of transports.values()) await confirm(transport, () => undefined);

      const wrong = attempts.filter(
        ({ user, subject, isAllowed }) => denied.get(user)?.has(subject) === isAllowed,
      );
      expect(attempts.length).toBeGreaterThan(200);
      expect(wrong).toEqual([]);
    });

    test("a reader may hear exactly what a contract lets it hear", async () => {
      const attempts = subscribes();
      const wrong: Attempt[] = [];

      for (const [user, transport] of transports) {
        const own = attempts.filter((attempt) => attempt.user === user);
        const refused = await confirm(transport, () => {
          for (const { subject } of own) transport.subscribe(subject, {}, () => undefined);
        });
        wrong.push(...own.filter(({ subject, isAllowed }) => refused.has(subject) === isAllowed));
      }

      expect(attempts.length).toBeGreaterThan(200);
      expect(wrong).toEqual([]);
    });

    test("a wildcard deeper than a grant brings nothing to light", async () => {
      const maker = transports.get("maker") as Transport;
      const walletd = transports.get("walletd") as Transport;
      const heard: string[] = [];
      const subjects = [
        "troupe.v1.evt.walletd.w1.>",
        "troupe.v1.state.walletd.*.>",
        "troupe.v1.evt.indexer.*.scripthash.>",
      ];
      await confirm(maker, () => {
        for (const subject of subjects)
          maker.subscribe(subject, {}, (delivery) => heard.push(delivery.subject));
      });

      walletd.publish("troupe.v1.evt.walletd.w1.secret.deep", new Uint8Array(1));
      walletd.publish("troupe.v1.state.walletd.w1.secret", new Uint8Array(1));
      transports
        .get("indexer")
        ?.publish("troupe.v1.evt.indexer.main.scripthash.touched.a7", new Uint8Array(1));
      for (const transport of transports.values()) await transport.flush();
      await confirm(maker, () => undefined);

      expect(heard).toEqual([]);
    });
  });
}

test("no subscription grant ends in one star, which an old nats-server takes for a whole tree", () => {
  const grants = users.flatMap((user) => permissionsOf(user, contracts).subscribe.allow);

  expect(grants.filter((grant) => grant.endsWith(".*"))).toEqual([]);
});

test.each([
  ["signAsMaker", ["maker"]],
  ["signAsTaker", ["taker"]],
  ["reserveAsMaker", ["maker"]],
  ["send", ["gateway", "operator"]],
  ["revealSeed", ["gateway", "operator"]],
])("nobody but its callers can reach %s, whatever they write into the subject", (method, callers) => {
  const subjects = users.map((caller) => `troupe.v1.rpc.walletd.any.${method}.${caller}`);
  const reach = users.filter((user) =>
    permissionsOf(user, contracts).publish.allow.some((grant) =>
      subjects.some((subject) => covers(grant, subject)),
    ),
  );

  expect(reach).toEqual(callers);
});
