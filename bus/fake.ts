/** A stand-in for an actor, in one line: it speaks through the same bytes, schemas and permissions as the real one. */

import { TroupeError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log/log.ts";
import type { CallContext, Handlers, Publisher, Service } from "./bus.ts";
import type { Transport } from "./carrier/transport.ts";
import { ConnectedBus } from "./connected-bus.ts";
import type { Contract } from "./contract/contract.ts";

/** What a fake was asked, for the test to look at. */
export interface FakeCall {
  readonly method: string;
  readonly caller: string;
  readonly input: unknown;
}

/** Where it connects: a `MemoryBroker`, or anything else that opens carriers. */
export interface Connector {
  connect(user: string): Transport | Promise<Transport>;
}

export interface FakeActor<C extends Contract> {
  readonly bus: ConnectedBus;
  readonly publisher: Publisher<C>;
  /** Grows until somebody empties it. */
  readonly calls: FakeCall[];
  stop(): Promise<void>;
}

export interface FakeOptions {
  /** Needed for contracts whose instances are keyed. */
  readonly instance?: string;
  readonly log?: Log;
}

/**
 * Connects to the broker under the contract's name and answers with these handlers:
 * `await fakeActor(broker, walletdContract, { balances: () => ({ ... }) })`. A method without a handler answers `BUS_NOT_FOUND`.
 */
export async function fakeActor<C extends Contract>(
  broker: Connector,
  contract: C,
  handlers: Partial<Handlers<C>>,
  options: FakeOptions = {},
): Promise<FakeActor<C>> {
  const log = options.log ?? silentLog();
  const instance = options.instance ?? "main";
  const bus = new ConnectedBus(await broker.connect(contract.name), { log, instance, validateReplies: true });
  const publisher = bus.publisher(contract, instance);
  const calls: FakeCall[] = [];
  const all: Record<string, (input: unknown, call: CallContext) => unknown> = {};
  const given = handlers as Readonly<
    Record<string, ((input: unknown, call: CallContext) => unknown) | undefined>
  >;
  for (const method of Object.keys(contract.rpcs)) {
    all[method] = (input, call) => {
      calls.push({ method, caller: call.caller, input });
      const handler = given[method];
      if (handler === undefined) throw noHandler(contract.name, method);
      return handler(input, call);
    };
  }
  let service: Service;
  try {
    service = await bus.serve(contract, all as unknown as Handlers<C>, { instance, publisher });
  } catch (error) {
    await bus.close();
    throw error;
  }
  return {
    bus,
    publisher,
    calls,
    stop: async () => {
      await service.stop();
      await bus.close();
    },
  };
}

/** A log for tests that do not look at it. */
export function silentLog(): Log {
  const quiet = (): void => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
  return log;
}

function noHandler(actor: string, method: string): TroupeError {
  return new TroupeError(
    { code: "BUS_NOT_FOUND" },
    `The fake of ${actor} has no handler for "${method}"; give it one if the test should get here.`,
  );
}
