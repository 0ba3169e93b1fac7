// Images of this node for its reconcile loop: what is here, and what a peer can give. Answers peers that ask.

import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Mesh } from "../mesh/mesh.js";
import type { NodeId } from "../model.js";
import { fetchImage, IMAGE_PROTOCOL, serveImage } from "../runtime/image/exchange.js";
import type { ImageStore } from "../runtime/image/store.js";
import type { PreparedImage } from "../runtime/runtime.js";
import type { ImagesPort } from "./ports.js";

export interface NodeImagesOptions {
	readonly store: ImageStore;
	readonly mesh: Mesh;
	readonly logger: Logger;
	/** After an image came from a peer. */
	readonly onFetched: () => void;
}

export function nodeImages(options: NodeImagesOptions): ImagesPort {
	const { store, mesh, logger, onFetched } = options;
	const fetching = new Map<string, Promise<void>>();
	mesh.handle(IMAGE_PROTOCOL, (stream) => serveImage(store, stream), { bulk: true });

	async function fetchFrom(name: string, holders: readonly NodeId[], signal: AbortSignal): Promise<void> {
		const failures: string[] = [];
		for (const holder of holders) {
			try {
				const stream = await mesh.open(holder, IMAGE_PROTOCOL, signal, { bulk: "receiving" });
				await fetchImage(store, stream, { image: name, onProgress: () => {}, signal });
				logger.info("image fetched", { image: name, from: holder });
				onFetched();
				return;
			} catch (thrown) {
				signal.throwIfAborted();
				failures.push(thrown instanceof Error ? thrown.message : String(thrown));
			}
		}
		throw new SwarmError("unreachable", `Cannot fetch the image ${name}: ${failures.join("; ")}`, { retryable: true });
	}

	return {
		list: () => store.list().map(({ name, digest, sizeBytes }) => ({ name, digest, sizeBytes })),
		prepare: (name) => store.prepare(name),
		async ensure(name, holders, signal): Promise<PreparedImage> {
			if (store.get(name) === null) {
				const others = holders.filter((holder) => holder !== mesh.self);
				if (others.length === 0)
					throw new SwarmError(
						"not-found",
						`Cannot use the image ${name}: no node has it, import it with \`swarm image import FILE\``,
					);
				const known = fetching.get(name);
				const fetch = known ?? fetchFrom(name, others, signal).finally(() => fetching.delete(name));
				fetching.set(name, fetch);
				await fetch;
			}
			return store.prepare(name);
		},
	};
}
