import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, test } from "vitest";
import { announcedMultiaddrs, dialMultiaddr, isMultiaddr, listenMultiaddr } from "../../src/mesh/address.js";

const at = (address: string, internal = false) =>
	({ address, internal, family: address.includes(":") ? "IPv6" : "IPv4" }) as NetworkInterfaceInfo;

describe("addresses", () => {
	test("that people type become multiaddrs, with port 7749 unless given", () => {
		expect(dialMultiaddr("10.0.0.1")).toBe("/ip4/10.0.0.1/tcp/7749");
		expect(dialMultiaddr("10.0.0.1:80")).toBe("/ip4/10.0.0.1/tcp/80");
		expect(dialMultiaddr("[fd00::1]:80")).toBe("/ip6/fd00::1/tcp/80");
		expect(dialMultiaddr("n1.lab:80")).toBe("/dns/n1.lab/tcp/80");
		expect(dialMultiaddr("/ip4/10.0.0.1/tcp/1")).toBe("/ip4/10.0.0.1/tcp/1");
		expect(listenMultiaddr("0.0.0.0:0")).toBe("/ip4/0.0.0.0/tcp/0");
		expect(listenMultiaddr("[::]:7749")).toBe("/ip6/::/tcp/7749");
	});

	test("longer than any address are none, and take no time", () => {
		expect(isMultiaddr(`/dns/a.b/tcp/1${"/".repeat(10_000_000)}`)).toBe(false);
		expect(isMultiaddr(`/dns/${"a".repeat(253)}/tcp/65535`)).toBe(true);
	});

	test("that make no sense are refused with an example", () => {
		for (const text of ["", "10.0.0.1:99999", "10.0.0.256", "a b", "/ip4/x", "http://n1:1"]) {
			expect(() => dialMultiaddr(text), text).toThrow(/for example 10\.0\.0\.1:7749/);
		}
		for (const text of ["0.0.0.0", "n1:80", "10.0.0.1:x"]) {
			expect(() => listenMultiaddr(text), text).toThrow(/Cannot listen on/);
		}
	});

	test("announced for a wildcard are the machine's own, without loopback and container bridges", () => {
		const interfaces = {
			lo: [at("127.0.0.1", true)],
			eth0: [at("10.0.0.5"), at("fd00::5")],
			docker0: [at("172.17.0.1")],
			eth1: [at("169.254.3.4")],
		};
		expect(announcedMultiaddrs("0.0.0.0:7749", 7749, interfaces)).toEqual(["/ip4/10.0.0.5/tcp/7749"]);
		expect(announcedMultiaddrs("[::]:1", 1, interfaces)).toEqual(["/ip4/10.0.0.5/tcp/1", "/ip6/fd00::5/tcp/1"]);
		expect(announcedMultiaddrs("192.168.1.1:0", 4000, interfaces)).toEqual(["/ip4/192.168.1.1/tcp/4000"]);
	});

	test("announced are the bridge's or loopback's when there is nothing else", () => {
		const lo = [at("127.0.0.1", true)];
		expect(announcedMultiaddrs("0.0.0.0:1", 1, { lo, docker0: [at("172.17.0.1")] })).toEqual(["/ip4/172.17.0.1/tcp/1"]);
		expect(announcedMultiaddrs("0.0.0.0:1", 1, { lo })).toEqual(["/ip4/127.0.0.1/tcp/1"]);
	});
});
