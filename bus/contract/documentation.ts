/** `docs/bus.md` and `docs/bus.json`: everything that travels on the bus, made from the contracts so that it cannot be wrong. */
import { healthContract, readersOf, snapshotContract } from "../contracts/builtin.ts";
import { busErrors } from "../errors.ts";
import { replyBytesMax, requestBytesMax } from "../rpc/limits.ts";
import type { Contract, EventDeclaration, RpcDeclaration, StateDeclaration } from "./contract.ts";
import { contractHash, methodHash, wireSchema } from "./hash.ts";
import { permissionsOf, usersOf } from "./permissions.ts";

/** For people: one page with every request, event and state, and who may use it. Ends with a line feed. */
export function busMarkdown(contracts: readonly Contract[]): string {
  const parts = [
    "# The bus",
    "Generated from `bus/contracts/`; do not edit. `<inst>` is `any` or an instance's token, `<caller>` the asking actor.",
    "Every served contract answers `health` (to `supervisor`) and, where it publishes, `snapshot` (to its readers).",
    ...contracts.map(describeContract),
    describePermissions(contracts),
    describeErrors(),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** For programs: in the manner of AsyncAPI, channels with messages and JSON Schemas. */
export function busJson(contracts: readonly Contract[]): string {
  const described = contracts.map((contract) => ({
    name: contract.name,
    version: contract.semver,
    description: contract.doc,
    instances: contract.instances,
    hash: contractHash(contract),
    requests: mapValues(allRpcs(contract), (declaration, method) =>
      describeRpc(contract, method, declaration),
    ),
    events: mapValues(contract.events, (declaration, event) => ({
      ...describeFact(declaration),
      subject: `troupe.v1.evt.${contract.name}.<inst>.${event}${declaration.keyed ? ".<key>" : ""}`,
    })),
    states: mapValues(contract.states, (declaration, state) => ({
      ...describeFact(declaration),
      subject: `troupe.v1.state.${contract.name}.<inst>.${state}`,
    })),
  }));
  const users = Object.fromEntries(usersOf(contracts).map((user) => [user, permissionsOf(user, contracts)]));
  return `${JSON.stringify({ wire: "troupe.v1", contracts: described, users }, null, 2)}\n`;
}

function allRpcs(contract: Contract): Readonly<Record<string, RpcDeclaration>> {
  const publishes = readersOf(contract).length > 0;
  return {
    ...contract.rpcs,
    ...healthContract(contract.name).rpcs,
    ...(publishes ? snapshotContract(contract).rpcs : {}),
  };
}

function describeRpc(contract: Contract, method: string, declaration: RpcDeclaration): object {
  return {
    description: declaration.doc,
    subject: `troupe.v1.rpc.${contract.name}.<inst>.${method}.<caller>`,
    hash: methodHash(contract.name, method, declaration),
    callers: declaration.callers,
    deadlineMs: declaration.deadlineMs,
    idempotency: declaration.idempotency,
    requestBytesMax: requestBytesMax(declaration),
    replyBytesMax: replyBytesMax(declaration),
    requestContent: declaration.requestContent ?? "json",
    content: declaration.content ?? "json",
    input: wireSchema(declaration.input, "input"),
    output: wireSchema(declaration.output, "output"),
    errors: mapValues(declaration.errors ?? {}, (schema) => wireSchema(schema, "output")),
  };
}

function describeFact(declaration: EventDeclaration | StateDeclaration): object {
  return {
    description: declaration.doc,
    readers: declaration.readers,
    body: wireSchema(declaration.body, "output"),
  };
}

function describeContract(contract: Contract): string {
  const { name, semver, doc, instances } = contract;
  const which = instances === "any" ? "members share the requests" : "each instance has its own token";
  const parts = [`## ${name} ${semver}`, `${doc} Instances: ${which}. Hash \`${contractHash(contract)}\`.`];
  const rpcs = Object.entries(contract.rpcs);
  if (rpcs.length > 0) {
    parts.push(
      table(
        ["request", "callers", "deadline", "repeatable", "input → output", "refusals", "what"],
        rpcs.map(([method, rpc]) => [
          code(method),
          rpc.callers.join(", "),
          `${rpc.deadlineMs / 1000} s`,
          rpc.idempotency === "key" ? "with its key" : "yes",
          `${content(rpc.requestContent, rpc.input, "input")} → ${content(rpc.content, rpc.output, "output")}`,
          Object.keys(rpc.errors ?? {})
            .map(code)
            .join(", ") || "–",
          rpc.doc,
        ]),
      ),
    );
  }
  const facts = [
    ...Object.entries(contract.events).map(([event, fact]) => factRow("event", event, fact, fact.keyed)),
    ...Object.entries(contract.states).map(([state, fact]) => factRow("state", state, fact, false)),
  ];
  if (facts.length > 0) parts.push(table(["kind", "name", "readers", "body", "what"], facts));
  return parts.join("\n\n");
}

function factRow(kind: string, name: string, fact: StateDeclaration, keyed: boolean | undefined): string[] {
  const readers = fact.readers === "*" ? "all" : fact.readers.join(", ");
  return [
    kind,
    code(keyed ? `${name}.<key>` : name),
    readers,
    content("json", fact.body, "output"),
    fact.doc,
  ];
}

function describePermissions(contracts: readonly Contract[]): string {
  const rows = usersOf(contracts).map((user) => {
    const { publish, subscribe } = permissionsOf(user, contracts);
    return [user, publish.allow.map(code).join("<br>") || "–", subscribe.allow.map(code).join("<br>") || "–"];
  });
  return `## Who may do what\n\nEverybody may also answer each message received once.\n\n${table(["user", "publish", "subscribe"], rows)}`;
}

function describeErrors(): string {
  const rows = Object.entries(busErrors).map(([name, { meaning, remedy }]) => [code(name), meaning, remedy]);
  return `## Errors of the bus\n\n${table(["code", "meaning", "remedy"], rows)}`;
}

/** A schema in one cell: the names of an object's fields, or its type. */
function content(
  kind: string | undefined,
  schema: RpcDeclaration["input"],
  direction: "input" | "output",
): string {
  if (kind === "bytes") return "bytes";
  const { properties, required, type } = wireSchema(schema, direction) as {
    properties?: Record<string, unknown>;
    required?: string[];
    type?: string;
  };
  if (properties === undefined) return code(type ?? "object");
  const names = Object.keys(properties).map((field) => (required?.includes(field) ? field : `${field}?`));
  return code(`{${names.join(", ")}}`);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

function mapValues<T, R>(
  entries: Readonly<Record<string, T>>,
  map: (value: T, name: string) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, map(value, name)]));
}
