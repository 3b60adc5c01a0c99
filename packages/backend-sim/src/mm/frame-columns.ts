/** Frames that a simulation begins with: they are made by the thousand, and most touch few pages. */
const FIRST = 64
/** Columns of simulations that are gone, zeros all; a few, for those to come. */
const spare: FrameColumns[] = []
const MOST_SPARE = 4

/** What is known of each frame, as columns in one buffer: 18 bytes a frame. */
export class FrameColumns {
  /** References; 0 for a free frame. */
  readonly refs: Uint16Array
  /** How many page table entries map it. */
  readonly maps: Uint16Array
  readonly flags: Uint16Array
  /** Where its bytes are in the {@link PageData}. */
  readonly slots: Uint32Array
  /** Which AnonVma or file it belongs to (an id of the reverse map), 0 for none. */
  readonly mapping: Uint32Array
  /** Its page offset in that, modulo 2^32; in free frames the next free one. */
  readonly index: Uint32Array

  constructor(frames: number) {
    const buffer = new ArrayBuffer(18 * frames)
    this.slots = new Uint32Array(buffer, 0, frames)
    this.mapping = new Uint32Array(buffer, 4 * frames, frames)
    this.index = new Uint32Array(buffer, 8 * frames, frames)
    this.refs = new Uint16Array(buffer, 12 * frames, frames)
    this.maps = new Uint16Array(buffer, 14 * frames, frames)
    this.flags = new Uint16Array(buffer, 16 * frames, frames)
  }

  /** Those that a simulation begins with. */
  static first(): FrameColumns {
    return spare.pop() ?? new FrameColumns(FIRST)
  }

  /** Gives them to the next simulation; nobody may use them any more. */
  retire(): void {
    if (this.refs.length !== FIRST || spare.length >= MOST_SPARE) return
    const { slots, mapping, index, refs, maps, flags } = this
    // Frames are cleaned when they are freed, and all are free now: what is left are links between free
    // ones in `index`, which is written before it is read, and the reference of the zero page, which
    // every table takes. So nothing depends on this, and no test can tell; zeros are easier to rely on.
    for (const column of [slots, mapping, index, refs, maps, flags]) column.fill(0)
    spare.push(this)
  }
}

/** Of a frame table that is not to be used again. */
export const NO_COLUMNS = new FrameColumns(0)
