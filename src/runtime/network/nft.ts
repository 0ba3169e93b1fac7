// The nft program as two calls. The only place that spawns it; a spawn blocks JavaScript for about 10 ms, so containers
// without published ports must never come here.

import { spawn } from "node:child_process";
import { SwarmError } from "../../errors.js";
import { TABLE } from "./ruleset.js";

export interface Nft {
	/** Applies a whole text or nothing. Throws `conflict` when an element to create is there already. */
	apply(rules: string): Promise<void>;
	/** `nft -j list table`. */
	list(): Promise<string>;
}

/** More output than any sane table has. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const NFT_MS_MAX = 10_000;

export const nft: Nft = {
	async apply(rules) {
		await run(["-f", "-"], rules);
	},
	list: () => run(["-j", "list", "table", "ip", TABLE], ""),
};

function run(args: readonly string[], input: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const child = spawn("nft", args, { stdio: "pipe", timeout: NFT_MS_MAX, killSignal: "SIGKILL" });
		const output: Buffer[] = [];
		let bytes = 0;
		let complaint = "";
		child.stdout.on("data", (chunk: Buffer) => {
			bytes += chunk.length;
			if (bytes > OUTPUT_BYTES_MAX) child.kill("SIGKILL");
			else output.push(chunk);
		});
		child.stderr.on("data", (chunk: Buffer) => {
			if (complaint.length < 4_096) complaint += chunk.toString();
		});
		child.on("error", (thrown) => reject(absent(thrown)));
		child.on("close", (code) => {
			if (code === 0) resolve(Buffer.concat(output).toString());
			else reject(refusal(complaint, code));
		});
		// A program that ends before it has read all is told by its exit code, not by EPIPE.
		child.stdin.on("error", () => {});
		child.stdin.end(input);
	});
}

function absent(thrown: Error): SwarmError {
	if ((thrown as NodeJS.ErrnoException).code !== "ENOENT")
		return new SwarmError("failed", `Cannot run nft: ${thrown.message}`, { cause: thrown });
	return new SwarmError(
		"unsupported",
		"Cannot set up the container network: nft is not installed, wanted the package nftables",
		{
			details: { feature: "nft" },
		},
	);
}

function refusal(complaint: string, code: number | null): SwarmError {
	const line = complaint.trim().split("\n")[0] ?? "";
	if (complaint.includes("Operation not supported"))
		return new SwarmError(
			"unsupported",
			`Cannot set up the container network: ${line}, wanted a kernel with nftables (modules nf_tables, nft_nat, nft_masq)`,
			{ details: { feature: "nftables", complaint } },
		);
	const exists = complaint.includes("File exists");
	return new SwarmError(exists ? "conflict" : "failed", `Cannot change nftables: ${line || `nft ended with ${code}`}`, {
		details: { complaint },
	});
}
