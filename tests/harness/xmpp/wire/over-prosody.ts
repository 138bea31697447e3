/** For each file of tests that runs over a real Prosody: its server is one, and ends with it. */
import { afterAll } from "vitest";
import { closeWire } from "./wires.ts";

afterAll(() => closeWire());
