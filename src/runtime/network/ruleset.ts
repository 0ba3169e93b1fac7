// nftables rules as text for `nft -f -`, which applies a whole text or nothing. Pure. One table per network namespace; several
// daemons may share it, so published ports are map elements with a comment that says whose they are.

import type { ContainerId, PublishedPort } from "../../model.js";
import { BRIDGE, SUBNET } from "./names.js";

export const TABLE = "stratoswarm";

/** A published port that stands in the table. */
export interface PortRule {
	readonly scope: string;
	readonly container: ContainerId;
	readonly address: string;
	readonly port: PublishedPort;
}

/**
 * Table, maps and chains. Applying it again changes nothing: chains are flushed and refilled in one transaction, maps keep
 * their elements. Ports are reached from outside (prerouting), from this host (output; route_localnet lets 127.0.0.1 pass)
 * and from containers of the same bridge (hairpin, hence the masquerade of what was translated). Since route_localnet
 * would let containers reach services on the host's 127.0.0.1, the guard drops that.
 */
export function baseRules(): string {
	const translate = [
		`fib daddr type local dnat ip addr . port to tcp dport map @published_tcp`,
		`fib daddr type local dnat ip addr . port to udp dport map @published_udp`,
	];
	const chains = {
		guard: ["type filter hook prerouting priority raw;", `iifname "${BRIDGE}" ip daddr 127.0.0.0/8 drop`],
		inbound: ["type nat hook prerouting priority dstnat;", ...translate],
		local: ["type nat hook output priority -100;", ...translate],
		outbound: [
			"type nat hook postrouting priority srcnat;",
			`ip saddr ${SUBNET} oifname != "${BRIDGE}" masquerade`,
			`oifname "${BRIDGE}" ct status dnat ip saddr { 127.0.0.0/8, ${SUBNET} } masquerade`,
		],
	};
	const lines = [`add table ip ${TABLE}`];
	for (const protocol of ["tcp", "udp"])
		lines.push(`add map ip ${TABLE} published_${protocol} { type inet_service : ipv4_addr . inet_service; }`);
	for (const [name, [hook, ...rules]] of Object.entries(chains)) {
		lines.push(`add chain ip ${TABLE} ${name} { ${hook} }`, `flush chain ip ${TABLE} ${name}`);
		for (const rule of rules) lines.push(`add rule ip ${TABLE} ${name} ${rule}`);
	}
	return `${lines.join("\n")}\n`;
}

/** `create` refuses a port that is there already, in the same transaction that adds the others. */
export function addPortRules(rules: readonly PortRule[]): string {
	return lines(rules, ({ scope, container, address, port }) => {
		const element = `${port.host} comment "${commentOf(scope, container)}" : ${address} . ${port.container}`;
		return `create element ip ${TABLE} published_${port.protocol} { ${element} }`;
	});
}

export function deletePortRules(rules: readonly PortRule[]): string {
	return lines(rules, ({ port }) => `delete element ip ${TABLE} published_${port.protocol} { ${port.host} }`);
}

/** Decodes `nft -j list table`; elements that are not of this shape are not ours and are left out. */
export function portRulesIn(json: string): readonly PortRule[] {
	const listed = JSON.parse(json) as { nftables?: readonly { map?: { name?: string; elem?: readonly unknown[] } }[] };
	return (listed.nftables ?? []).flatMap(({ map }) => {
		const protocol = map?.name === "published_tcp" ? "tcp" : map?.name === "published_udp" ? "udp" : null;
		if (protocol === null) return [];
		return (map?.elem ?? []).flatMap((element) => portRuleOf(protocol, element) ?? []);
	});
}

// [{ elem: { val: 8080, comment: "scope/web.0" } }, { concat: ["10.99.0.5", 80] }]
function portRuleOf(protocol: "tcp" | "udp", element: unknown): PortRule | null {
	const [key, value] = element as [{ elem?: { val?: number; comment?: string } }, { concat?: [string, number] }];
	const host = key?.elem?.val;
	const [scope, container] = key?.elem?.comment?.split("/") ?? [];
	const [address, port] = value?.concat ?? [];
	if (host === undefined || !scope || !container || address === undefined || port === undefined) return null;
	return { scope, container: container as ContainerId, address, port: { host, container: port, protocol } };
}

function commentOf(scope: string, container: ContainerId): string {
	return `${scope}/${container}`;
}

function lines(rules: readonly PortRule[], line: (rule: PortRule) => string): string {
	return rules.map((rule) => `${line(rule)}\n`).join("");
}
