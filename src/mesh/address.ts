// Where a node listens, what it announces, and what people type as an address. Pure: interfaces are given.

import type { NetworkInterfaceInfo } from "node:os";
import { multiaddr } from "@multiformats/multiaddr";
import { SwarmError } from "../errors.js";
import { MESH_PORT_DEFAULT } from "./mesh.js";

export const LISTEN_DEFAULT = `0.0.0.0:${MESH_PORT_DEFAULT}`;
/** Bridges that container programs make: their addresses exist on every machine and lead nowhere. */
const CONTAINER_BRIDGE =
	/^(docker\d+|br-[0-9a-f]{12}|virbr\d+|cni\d+|cni-podman\d+|podman\d+|lxcbr\d+|lxdbr\d+|swarm\d+)$/;
const LINK_LOCAL = /^(169\.254\.|fe80:)/i;

/** A name of 253 characters with port and peer has room; the parser's time grows with the square. */
const MULTIADDR_CHARACTERS_MAX = 512;

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** `ip:port` or `[ip6]:port` as a multiaddr to listen on. Code `usage`. */
export function listenMultiaddr(listen: string): string {
	const { host, port } = hostAndPort(listen, "listen on");
	if (port === null || !/^[0-9a-fA-F.:]+$/.test(host)) {
		throw new SwarmError("usage", `Cannot listen on "${listen}": wanted ip:port, for example ${LISTEN_DEFAULT}`);
	}
	return checked(`/${host.includes(":") ? "ip6" : "ip4"}/${host}/tcp/${port}`, listen, "listen on");
}

/** The `ip` of an `ip:port` to listen on. Code `usage`. */
export function hostOfListen(listen: string): string {
	return hostAndPort(listen, "listen on").host;
}

/** What people type: `host`, `host:port`, `[ip6]:port` or a multiaddr; the port defaults to 7749. Code `usage`. */
export function dialMultiaddr(address: string): string {
	if (address.startsWith("/")) return checked(address, address, "dial");
	const { host, port } = hostAndPort(address, "dial");
	const kind = host.includes(":") ? "ip6" : /^[0-9.]+$/.test(host) ? "ip4" : "dns";
	return checked(`/${kind}/${host}/tcp/${port ?? MESH_PORT_DEFAULT}`, address, "dial");
}

/** Whether libp2p can dial it; addresses from peers are not to be trusted. */
export function isMultiaddr(address: string): boolean {
	if (address.length > MULTIADDR_CHARACTERS_MAX) return false;
	try {
		multiaddr(address);
		return true;
	} catch {
		return false;
	}
}

/**
 * The multiaddrs (without `/p2p`) under which others find a node that listens on `listen`. A wildcard stands for the
 * machine's own addresses, without loopback, link-local and container bridges while others are left.
 */
export function announcedMultiaddrs(listen: string, portBound: number, interfaces: Interfaces): readonly string[] {
	const { host } = hostAndPort(listen, "listen on");
	const format = (ip: string) => `/${ip.includes(":") ? "ip6" : "ip4"}/${ip}/tcp/${portBound}`;
	if (host !== "0.0.0.0" && host !== "::") return [format(host)];
	const all = Object.entries(interfaces).flatMap(([name, addresses]) =>
		(addresses ?? []).map((address) => ({ ...address, name })),
	);
	const usable = all.filter((each) => (each.family === "IPv4" || host === "::") && !LINK_LOCAL.test(each.address));
	const outside = usable.filter((each) => !each.internal);
	const real = outside.filter((each) => !CONTAINER_BRIDGE.test(each.name));
	const best = [real, outside, usable].find((candidates) => candidates.length > 0) ?? [];
	return best.map((each) => format(each.address));
}

function hostAndPort(text: string, action: string): { host: string; port: number | null } {
	const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text);
	const port = match?.[3] === undefined ? null : Number(match[3]);
	if (match === null || (port !== null && port > 65535)) {
		throw new SwarmError(
			"usage",
			`Cannot ${action} "${text}": wanted host:port, for example 10.0.0.1:${MESH_PORT_DEFAULT}`,
		);
	}
	return { host: match[1] ?? match[2] ?? "", port };
}

function checked(address: string, given: string, action: string): string {
	if (isMultiaddr(address)) return address;
	throw new SwarmError(
		"usage",
		`Cannot ${action} "${given}": wanted host:port, for example 10.0.0.1:${MESH_PORT_DEFAULT}`,
	);
}
