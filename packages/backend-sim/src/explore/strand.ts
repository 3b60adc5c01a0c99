import type { RawWaitKind } from '@hmm-sdk/hmm-api/raw'

/** Where a strand is: at a point, or waiting for something. */
export class Stop {
  enabled = false
  source: string | undefined

  constructor(
    public strand: Strand,
    /** Which of the calls that the strand has going at once. */
    public fiber: number,
    /** The public operation that it belongs to. */
    public op: string,
    /** The kind of point, or what is waited for. */
    public label: string,
    readonly kind: 'point' | RawWaitKind,
    public object: unknown,
    public write: boolean,
    readonly go: () => void,
  ) {}

  /** Name of the strand, and of the call if it is not the strand's first. */
  get who(): string {
    return this.fiber === 0 ? this.strand.name : `${this.strand.name}+${this.fiber}`
  }

  /** Name of the point, after the API call: `space.munmap notifier-start`. */
  get point(): string {
    return this.op === '' ? this.label : `${this.op} ${this.label}`
  }
}

/** Something that runs by itself: an actor, a work queue, the work of a device model. */
export class Strand {
  ended = false
  /** The public operation that it is in. */
  op = ''
  /** Where the call was made; known while recording. */
  source: string | undefined
  /** Calls that have begun and not ended. */
  calls = 0
  /** It went on at a point without a stop, in the call that it is in. */
  passed = false
  /** Where its calls are, by fiber. Most have one: an array that was empty would get room for many. */
  readonly stops: (Stop | undefined)[] = [undefined]
  /** How many of them there are. */
  waiting = 0

  constructor(
    readonly id: number,
    readonly name: string,
    readonly actor: boolean,
  ) {}
}
