/** What a device has made and not closed yet, for the report at its close. */
export class OpenObjects {
  readonly #open = new Map<number, { kind: string; name: string }>()
  #next = 1

  /** Notes an object; the returned function notes its end. */
  add(kind: string, name: string): () => void {
    const id = this.#next++
    this.#open.set(id, { kind, name })
    return () => void this.#open.delete(id)
  }

  list(): { kind: string; name: string }[] {
    return [...this.#open.values()]
  }
}
