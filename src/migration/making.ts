// Work that makes something on this machine: whoever undoes it waits until it is over, given up or not.

export class Making {
	#work: Promise<unknown> = Promise.resolve();

	follow<T>(work: Promise<T>): Promise<T> {
		this.#work = Promise.allSettled([this.#work, work]);
		return work;
	}

	/** Never rejects. */
	async over(): Promise<void> {
		await this.#work;
	}
}
