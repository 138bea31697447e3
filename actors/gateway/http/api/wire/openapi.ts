/** The OpenAPI document, made from the declared endpoints: it cannot say anything else than what the server checks. */
import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { messageOf, type RefusalName, statusOf } from "./refusal.ts";

type Json = Readonly<Record<string, unknown>>;

/** What any endpoint may answer besides its own refusals. */
const ALWAYS: readonly RefusalName[] = ["TooManyRequests", "Failed"];

export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints) {
    const operation = { [endpoint.method.toLowerCase()]: operationOf(endpoint) };
    paths[endpoint.path] = { ...paths[endpoint.path], ...operation };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Troupe wallet API",
      version,
      description:
        "The HTTP API of JoinMarket's wallet daemon, as its clients speak it, and what Troupe adds. Amounts are in satoshi unless they are text.",
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        jam: { type: "apiKey", in: "header", name: "x-jm-authorization" },
      },
      schemas: {
        Refusal: {
          type: "object",
          properties: { message: { type: "string" }, error_description: { type: "string" } },
          required: ["message"],
        },
      },
    },
  };
}

function operationOf(endpoint: Endpoint): Json {
  const { id, doc, access, body, status, answer } = endpoint;
  const secured = [{ bearer: [] }, { jam: [] }];
  return {
    operationId: id,
    summary: doc,
    security: access === "open" ? [] : access === "optional" ? [{}, ...secured] : secured,
    parameters: parametersOf(endpoint),
    ...(body !== undefined && {
      requestBody: { required: true, content: { "application/json": { schema: schemaOf(body, "input") } } },
    }),
    responses: {
      [status]: {
        description: "Done.",
        ...(answer === "text" && { content: { "text/plain": { schema: { type: "string" } } } }),
        ...(answer !== undefined &&
          answer !== "text" && { content: { "application/json": { schema: schemaOf(answer, "output") } } }),
      },
      ...refusalsOf(endpoint),
    },
  };
}

function parametersOf({ path, params, query }: Endpoint): readonly Json[] {
  const known = propertiesOf(params);
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: known[name] ?? { type: "string" },
  }));
  const inQuery = Object.entries(propertiesOf(query)).map(([name, schema]) => ({
    name,
    in: "query",
    schema,
  }));
  return [...inPath, ...inQuery];
}

function propertiesOf(schema: z.ZodType | undefined): Readonly<Record<string, unknown>> {
  if (schema === undefined) return {};
  return (schemaOf(schema, "input")["properties"] ?? {}) as Readonly<Record<string, unknown>>;
}

function refusalsOf({ access, body, params, refusals }: Endpoint): Json {
  const names: RefusalName[] = [
    ...refusals,
    ...(body !== undefined || params !== undefined || access === "wallet"
      ? ["InvalidRequestFormat" as const]
      : []),
    ...(access === "open" ? [] : ["InvalidToken" as const, "InsufficientScope" as const]),
    ...ALWAYS,
  ];
  const messages = new Map<number, string[]>();
  for (const name of new Set(names)) {
    const status = statusOf(name);
    messages.set(status, [
      ...(messages.get(status) ?? []),
      messageOf(name) || "The token is told to be no good.",
    ]);
  }
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Refusal" } } };
  return Object.fromEntries(
    [...messages].map(([status, texts]) => [status, { description: texts.join(" Or: "), content }]),
  );
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
