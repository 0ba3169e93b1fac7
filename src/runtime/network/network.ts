// The container network of one node: a bridge with a fixed gateway, one network namespace and veth pair for each
// container, published ports and outgoing translation in nftables. Containers with `network: none` never come here.
// Must never touch links, namespaces or rules of another scope.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock.js";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { ContainerId, PublishedPort, ResourceRequest } from "../../model.js";
import type { Native } from "../../native/native.js";
import { type DepartingLinks, linksPresent, watchLinks } from "./links.js";
import { BRIDGE, checkAddress, GATEWAY, GATEWAY_MAC, linkNameOf, macOf, PREFIX_BITS } from "./names.js";
import type { Nft } from "./nft.js";
import { checkPortFree, portTaken } from "./port-check.js";
import { addPortRules, baseRules, deletePortRules, type PortRule, portRulesIn } from "./ruleset.js";

export interface NetworkOptions {
	readonly scope: string;
	readonly native: Native;
	readonly nft: Nft;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Namespaces are kept at `<runDirectory>/<scope>/netns/<container>`. */
	readonly runDirectory: string;
}

/** What a container holds of the network. */
export interface Attachment {
	readonly address: string;
	readonly mac: string;
	readonly linkName: string;
	readonly netnsPath: string;
	readonly ports: readonly PublishedPort[];
}

/** The container's end of its link (lib/link.c). */
const INNER_LINK = "eth0";
/** statfs(2) type of a namespace file. */
const NSFS_MAGIC = 0x6e736673;

export class ContainerNetwork {
	readonly #options: NetworkOptions;
	readonly #netnsDirectory: string;
	readonly #attached = new Map<ContainerId, Attachment>();
	/** Addresses whose last owner may still answer, until its link is gone. */
	readonly #departing = new Map<string, Promise<void>>();
	readonly #links: DepartingLinks;
	/** Rates that stand on the links; not known of adopted ones. */
	readonly #shaped = new Map<ContainerId, { readonly egress: number | null; readonly ingress: number | null }>();
	#canShape: boolean | null = null;
	#ready: Promise<void> | null = null;

	constructor(options: NetworkOptions) {
		this.#options = options;
		this.#netnsDirectory = join(options.runDirectory, options.scope, "netns");
		this.#links = watchLinks(options.clock, options.native, options.logger);
	}

	attachmentOf(container: ContainerId): Attachment | null {
		return this.#attached.get(container) ?? null;
	}

	/** Takes note of a container that an earlier daemon attached; no kernel call. */
	adopt(container: ContainerId, address: string, ports: readonly PublishedPort[]): void {
		this.#attached.set(container, this.#plan(container, address, ports));
	}

	/** Whether namespace and link of an attached container are still there; they are not after a reboot. */
	isWhole(container: ContainerId): boolean {
		const attachment = this.#attached.get(container);
		if (attachment === undefined || !linksPresent().has(attachment.linkName)) return false;
		return existsSync(attachment.netnsPath) && statfsSync(attachment.netnsPath).type === NSFS_MAGIC;
	}

	/** Bridge, forwarding and rules, once; repairs the rules of adopted containers and drops stale ones of this scope. */
	ready(): Promise<void> {
		this.#ready ??= this.#setUp().catch((thrown: unknown) => {
			this.#ready = null;
			throw thrown;
		});
		return this.#ready;
	}

	/**
	 * Namespace (that of process `pid`, or a new one), veth pair (`up`, or not heard of yet), address and published ports. `conflict` when the address or a port
	 * is taken, `usage` for an address outside the network. Undone when it throws.
	 */
	async attach(
		container: ContainerId,
		{
			address,
			ports,
			pid,
			up,
		}: {
			readonly address: string;
			readonly ports: readonly PublishedPort[];
			readonly pid: number | null;
			readonly up: boolean;
		},
	): Promise<Attachment> {
		checkAddress(container, address);
		this.#refuseTaken(container, address, ports);
		const attachment = this.#plan(container, address, ports);
		// Reserved before the first wait, so that two calls side by side cannot both pass the check.
		this.#attached.set(container, attachment);
		try {
			await this.ready();
			for (const port of ports) await checkPortFree(container, port);
			await this.#links.gone(attachment.linkName);
			await this.#departing.get(address);
			this.#make(attachment, pid, up);
			this.#shaped.set(container, { egress: null, ingress: null });
			if (ports.length > 0) await this.#publish(container, attachment);
			return attachment;
		} catch (thrown) {
			// Not detach(): the ports were published last and all or none, so none stands.
			this.#unmake(attachment);
			this.#attached.delete(container);
			throw thrown;
		}
	}

	/** Takes everything away; the link goes in the background (settled() waits for it). Idempotent. */
	async detach(container: ContainerId): Promise<void> {
		const known = this.#attached.get(container);
		const attachment = known ?? this.#plan(container, GATEWAY, []);
		if (known === undefined) {
			if (!existsSync(attachment.netnsPath)) return;
			await this.#unpublishUnknown(container);
		} else if (attachment.ports.length > 0) {
			await this.ready();
			await this.#unpublish(container, attachment);
		}
		this.#unmake(attachment);
		this.#attached.delete(container);
		this.#shaped.delete(container);
		const gone = this.#links.gone(attachment.linkName).then(() => {
			if (this.#departing.get(attachment.address) === gone) this.#departing.delete(attachment.address);
		});
		this.#departing.set(attachment.address, gone);
	}

	/** Whether `shape` works on this kernel; asked once. */
	canShape(): boolean {
		this.#canShape ??= this.#options.native.linkShapeWorks();
		return this.#canShape;
	}

	/** The rates of an attached container, both directions; null lifts one. `unsupported` when the kernel has no token bucket queues. */
	shape(container: ContainerId, { egressBytesPerSecond, ingressBytesPerSecond }: ResourceRequest): void {
		const attachment = this.#attached.get(container);
		const [egress, ingress] = [egressBytesPerSecond ?? null, ingressBytesPerSecond ?? null];
		const was = this.#shaped.get(container);
		if (attachment === undefined || (was?.egress === egress && was.ingress === ingress)) return;
		if ((egress ?? ingress) !== null && !this.canShape())
			throw new SwarmError(
				"unsupported",
				`Cannot limit the network of ${container}: this kernel has no token bucket queue, wanted sch_tbf`,
				{ details: { container, missing: ["bandwidth"] } },
			);
		const { native } = this.#options;
		// What leaves one end of the pair is what the other end gets.
		native.linkShape(INNER_LINK, attachment.netnsPath, egress);
		native.linkShape(attachment.linkName, null, ingress);
		this.#shaped.set(container, { egress, ingress });
	}

	/** Namespaces that are kept on disk, also those that no record knows. */
	list(): readonly ContainerId[] {
		return existsSync(this.#netnsDirectory) ? (readdirSync(this.#netnsDirectory) as ContainerId[]) : [];
	}

	/** Resolves when every departing link is gone. */
	settled(): Promise<void> {
		return this.#links.all();
	}

	async close(): Promise<void> {
		await this.settled();
		for (const path of [this.#netnsDirectory, dirname(this.#netnsDirectory)]) {
			try {
				rmdirSync(path);
			} catch {
				// A container's namespace is kept there.
			}
		}
	}

	#plan(container: ContainerId, address: string, ports: readonly PublishedPort[]): Attachment {
		return {
			address,
			mac: macOf(address),
			linkName: linkNameOf(this.#options.scope, container),
			netnsPath: join(this.#netnsDirectory, container),
			ports,
		};
	}

	#refuseTaken(container: ContainerId, address: string, ports: readonly PublishedPort[]): void {
		for (const [holder, held] of this.#attached) {
			if (holder === container) continue;
			if (held.address === address)
				throw new SwarmError(
					"conflict",
					`Cannot give ${container} the address ${address}: ${holder} has it, wanted a free one`,
					{
						details: { container, address, holder },
					},
				);
			const clash = ports.find((port) => held.ports.some((other) => samePort(other, port)));
			if (clash !== undefined) throw portTaken(container, clash, holder);
		}
	}

	#make(attachment: Attachment, pid: number | null, up: boolean): void {
		const { native } = this.#options;
		mkdirSync(this.#netnsDirectory, { recursive: true });
		if (existsSync(attachment.netnsPath)) native.netnsDelete(attachment.netnsPath);
		if (pid === null) native.netnsCreate(attachment.netnsPath);
		else native.netnsKeep(attachment.netnsPath, pid);
		native.vethCreate({
			hostName: attachment.linkName,
			bridge: BRIDGE,
			netnsPath: attachment.netnsPath,
			address: attachment.address,
			prefix: PREFIX_BITS,
			gateway: GATEWAY,
			mac: attachment.mac,
			up,
		});
	}

	#unmake(attachment: Attachment): void {
		this.#options.native.netnsDelete(attachment.netnsPath);
	}

	async #publish(container: ContainerId, attachment: Attachment): Promise<void> {
		try {
			await this.#options.nft.apply(addPortRules(this.#rulesOf(container, attachment)));
		} catch (thrown) {
			const [port] = attachment.ports;
			if (thrown instanceof SwarmError && thrown.code === "conflict" && port !== undefined)
				throw portTaken(container, port, "another daemon of this node");
			throw thrown;
		}
	}

	/** One spawn of nft when the rules stand as they should; otherwise the table is asked what stands. */
	async #unpublish(container: ContainerId, attachment: Attachment): Promise<void> {
		const { nft } = this.#options;
		try {
			await nft.apply(deletePortRules(this.#rulesOf(container, attachment)));
		} catch {
			await this.#unpublishStanding(container);
		}
	}

	/** A daemon that was killed between publishing and writing the record left ports that no record tells of. */
	async #unpublishUnknown(container: ContainerId): Promise<void> {
		try {
			await this.#unpublishStanding(container);
		} catch (thrown) {
			// No table, or no nft: then nothing was published. What stands all the same goes when the network is set up.
			this.#options.logger.warn("published ports cannot be looked for", { container, error: String(thrown) });
		}
	}

	async #unpublishStanding(container: ContainerId): Promise<void> {
		const { nft, scope } = this.#options;
		const standing = portRulesIn(await nft.list());
		const own = standing.filter((rule) => rule.scope === scope && rule.container === container);
		if (own.length > 0) await nft.apply(deletePortRules(own));
	}

	#rulesOf(container: ContainerId, { address, ports }: Attachment): readonly PortRule[] {
		return ports.map((port) => ({ scope: this.#options.scope, container, address, port }));
	}

	async #setUp(): Promise<void> {
		const { native, nft, scope, logger } = this.#options;
		native.bridgeEnsure(BRIDGE, GATEWAY, PREFIX_BITS, GATEWAY_MAC);
		ensureSysctl("net/ipv4/ip_forward");
		ensureSysctl(`net/ipv4/conf/${BRIDGE}/route_localnet`);
		await nft.apply(baseRules());
		const standing = portRulesIn(await nft.list());
		const stale = standing.filter((rule) => rule.scope === scope && !this.#wants(rule));
		const wanted = [...this.#attached].flatMap(([container, attachment]) =>
			existsSync(attachment.netnsPath) ? this.#rulesOf(container, attachment) : [],
		);
		const missing = wanted.filter((rule) => !standing.some((other) => samePort(other.port, rule.port)));
		if (stale.length + missing.length === 0) return;
		logger.info("repairing published ports", { stale: stale.length, missing: missing.length });
		await nft.apply(deletePortRules(stale) + addPortRules(missing));
	}

	#wants(rule: PortRule): boolean {
		const attachment = this.#attached.get(rule.container);
		return (
			attachment?.address === rule.address &&
			attachment.ports.some((port) => samePort(port, rule.port) && port.container === rule.port.container)
		);
	}
}

function samePort(left: PublishedPort, right: PublishedPort): boolean {
	return left.host === right.host && left.protocol === right.protocol;
}

/** Writes 1 to a switch of this network namespace unless it is on. Throws `unsupported` when it cannot. */
function ensureSysctl(name: string): void {
	const path = `/proc/sys/${name}`;
	if (readFileSync(path, "utf8").trim() === "1") return;
	try {
		writeFileSync(path, "1");
	} catch (thrown) {
		throw new SwarmError(
			"unsupported",
			`Cannot set up the container network: ${path} cannot be written, wanted 1 in it`,
			{
				details: { feature: name },
				cause: thrown,
			},
		);
	}
}
