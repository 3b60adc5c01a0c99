/** A reference count (`struct kref`): made with one reference, `release` runs with the last put. */
export class Reference {
  readonly name: string
  readonly #release: () => void | Promise<void>
  #count = 1

  constructor(name: string, release: () => void | Promise<void>) {
    this.name = name
    this.#release = release
  }

  get count(): number {
    return this.#count
  }

  /** `kref_get` */
  get(): void {
    if (this.#count === 0) throw new Error(`reference taken of freed ${this.name}`)
    this.#count += 1
  }

  /** `kref_get_unless_zero` */
  tryGet(): boolean {
    if (this.#count === 0) return false
    this.#count += 1
    return true
  }

  /** `kref_put`; waits for the release if it was the last. */
  async put(): Promise<void> {
    if (this.#count === 0) throw new Error(`reference of freed ${this.name} put`)
    this.#count -= 1
    if (this.#count === 0) await this.#release()
  }
}
