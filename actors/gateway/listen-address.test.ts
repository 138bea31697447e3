import { describe, expect, it } from "vitest";
import { gatewaySection } from "./config.ts";
import { hostAndPort, isLoopback, parseListenAddress } from "./listen-address.ts";

describe("an address to listen on", () => {
  it.each([
    ["127.0.0.1:28180", { host: "127.0.0.1", port: 28180 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65535 }],
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
  ])("%s is read, and written as it was", (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
    expect(hostAndPort(address)).toBe(text);
  });

  it.each([
    "",
    "127.0.0.1",
    ":80",
    "127.0.0.1:65536",
    "::1:80",
    "[127.0.0.1]:80",
    "[xyz]:80",
    "a b:80",
    "a:80 ",
  ])("%j is none", (text) => expect(parseListenAddress(text)).toBeUndefined());

  it("is this machine's own only when it says so", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "192.168.1.2", "box", "127.evil.example"].some(isLoopback)).toBe(false);
  });

  it("is checked when the configuration is read", () => {
    expect(gatewaySection.schema.safeParse({}).data?.http_listen).toBe("127.0.0.1:28180");
    expect(gatewaySection.schema.safeParse({ http_listen: "" }).success).toBe(true);
    expect(gatewaySection.schema.safeParse({ http_listen: "28180" }).success).toBe(false);
  });
});
