import { describe, expect, it } from "vitest";
import { reachable } from "./publishers.ts";

describe("where a node publishes", () => {
  it.each([
    ["tcp://127.0.0.1:28332", "127.0.0.1", "tcp://127.0.0.1:28332"],
    ["tcp://127.0.0.1:28332", "localhost", "tcp://127.0.0.1:28332"],
    ["tcp://0.0.0.0:28332", "node.example", "tcp://node.example:28332"],
    ["tcp://[::]:28332", "[2001:db8::1]", "tcp://[2001:db8::1]:28332"],
    ["tcp://*:28332", "10.0.0.7", "tcp://10.0.0.7:28332"],
    ["tcp://10.0.0.7:28332", "node.example", "tcp://10.0.0.7:28332"],
    ["tcp://127.0.0.1:28332", "node.example", undefined],
    ["ipc:///run/bitcoind.zmq", "127.0.0.1", undefined],
    ["unix:/run/bitcoind.zmq", "127.0.0.1", undefined],
    ["tcp://127.0.0.1:999999", "127.0.0.1", undefined],
  ])("%s of the node at %s is %s from here", (address, nodeHost, url) => {
    expect(reachable(address, nodeHost)).toBe(url);
  });
});
