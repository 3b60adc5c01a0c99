/** Memory of a driver, as kmalloc gives it and KASAN watches it. */
export class Heap {
  readonly #live = new Set<Allocation>()

  alloc(name: string): Allocation {
    const allocation = new Allocation(name, () => this.#live.delete(allocation))
    this.#live.add(allocation)
    return allocation
  }

  /** Throws if anything was not freed. */
  check(): void {
    const names = [...this.#live].map(({ name }) => name)
    if (names.length > 0) throw new Error(`leaked: ${names.join(', ')}`)
  }
}

/** One object of the heap. */
export class Allocation {
  readonly name: string
  readonly #gone: () => void
  #freed = false

  constructor(name: string, gone: () => void) {
    this.name = name
    this.#gone = gone
  }

  get isFreed(): boolean {
    return this.#freed
  }

  /** What every use of the object begins with. */
  use(): void {
    if (this.#freed) throw new Error(`use after free: ${this.name}`)
  }

  free(): void {
    if (this.#freed) throw new Error(`double free: ${this.name}`)
    this.#freed = true
    this.#gone()
  }
}
