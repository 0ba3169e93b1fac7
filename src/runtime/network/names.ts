// Names, addresses and limits of the container network. Pure.

import { createHash } from "node:crypto";
import { SwarmError } from "../../errors.js";
import type { ContainerId } from "../../model.js";

/** One bridge a node; the same gateway and MAC on every node, so that a moved container finds its gateway where it was. */
export const BRIDGE = "swarm0";
export const GATEWAY = "10.99.0.1";
export const PREFIX_BITS = 16;
export const SUBNET = "10.99.0.0/16";
export const GATEWAY_MAC = "02:53:0a:63:00:01";

/** Host end of a container's veth pair: at most 15 characters (IFNAMSIZ), different for every scope and container. */
export function linkNameOf(scope: string, container: ContainerId): string {
	return `sw${createHash("sha256").update(`${scope}/${container}`).digest("hex").slice(0, 12)}`;
}

/** Locally administered and derived from the address, so that it moves along with it: 02:53 and the four octets. */
export function macOf(address: string): string {
	const octets = octetsOf(address);
	return ["02", "53", ...octets.map((octet) => octet.toString(16).padStart(2, "0"))].join(":");
}

/** Throws `usage` for anything but a usable host address in 10.99.0.0/16. */
export function checkAddress(container: ContainerId, address: string): void {
	const [a, b, c, d] = octetsOf(address);
	const reserved = (c === 0 && (d === 0 || d === 1)) || (c === 255 && d === 255);
	if (a !== 10 || b !== 99 || reserved)
		throw new SwarmError(
			"usage",
			`Cannot give ${container} the address ${address}: wanted one of 10.99.0.2 to 10.99.255.254`,
			{ details: { container, address } },
		);
}

function octetsOf(address: string): readonly [number, number, number, number] {
	const octets = /^\d{1,3}(\.\d{1,3}){3}$/.test(address) ? address.split(".").map(Number) : [];
	const [a, b, c, d] = octets;
	if (a === undefined || b === undefined || c === undefined || d === undefined || octets.some((octet) => octet > 255))
		throw new SwarmError("usage", `Cannot use the address ${JSON.stringify(address)}: wanted four numbers of 0 to 255`);
	return [a, b, c, d];
}
