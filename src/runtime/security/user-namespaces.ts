// Which containers have a user namespace, in which their root is nobody of the node: all that may, on nodes that can. A node finds out
// by making one. Decides and asks; containers are made elsewhere.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { ContainerId, Spec } from "../../model.js";
import type { Native } from "../../native/native.js";
import { bindsOf } from "../volumes/binds.js";

const TRY_MS_MAX = 10_000;

type Wish = Pick<Spec, "isolation" | "security" | "volumes">;

export interface UserNamespaces {
	/** Why this node has none, one line; null where it has. */
	readonly lack: string | null;
	/** Why a container that shows these paths of the node can have none here, one line; null when it can. */
	lackFor(spec: Pick<Spec, "volumes">): Promise<string | null>;
	/**
	 * Whether the container is to have one. `unsupported` when its spec insists, and this node, or the file system of a path that it shows,
	 * cannot map ids.
	 */
	wants(container: ContainerId, spec: Wish): Promise<boolean>;
}

/** Asks this node. `directory` is made where absent, on the file system of the containers; nothing of the trial stays. */
export async function openUserNamespaces(
	directory: string,
	initPath: string,
	{ native, logger }: { readonly native: Pick<Native, "containerDirectoryMake">; readonly logger: Logger },
): Promise<UserNamespaces> {
	const ask = async (...given: readonly string[]): Promise<string | null> => {
		try {
			await promisify(execFile)(initPath, given, { timeout: TRY_MS_MAX });
			return null;
		} catch (thrown) {
			const { stderr, message } = thrown as { readonly stderr?: string; readonly message: string };
			return (stderr?.trim() || message).split("\n")[0] ?? "";
		}
	};
	mkdirSync(directory, { recursive: true, mode: 0o700 });
	const place = mkdtempSync(join(directory, "try-"));
	let lack: string | null;
	try {
		const container = join(place, "container");
		await native.containerDirectoryMake(container);
		lack = await ask("try-userns", container);
	} finally {
		rmSync(place, { recursive: true, force: true });
	}
	if (lack !== null) logger.info("containers have no user namespace here", { reason: lack });
	const lackFor = async (spec: Pick<Spec, "volumes">) => {
		const sources = bindsOf(spec.volumes).map(({ source }) => source);
		return lack ?? (sources.length === 0 ? null : await ask("try-map", ...sources));
	};
	return {
		...{ lack, lackFor },
		async wants(container, spec) {
			if (!mayHaveUserNamespace(spec)) return false;
			const why = await lackFor(spec);
			if (why === null) return true;
			if (spec.security.userNamespace === true) throw lackingUserNamespaces(container, why);
			if (lack === null) logger.info("a container has no user namespace", { container, reason: why });
			return false;
		},
	};
}

/** Unless its spec says, all may but those with isolation minimal. */
export function mayHaveUserNamespace({ isolation, security }: Pick<Spec, "isolation" | "security">): boolean {
	return security.userNamespace ?? isolation !== "minimal";
}

export function lackingUserNamespaces(container: ContainerId, lack: string): SwarmError {
	const message = `Cannot create ${container}: this node has no user namespaces with mapped layers (${lack}), wanted one`;
	return new SwarmError("unsupported", message, { details: { container, lack } });
}
