/**
 * Shows what is being done and for how long, on standard error: one live line per step on a terminal,
 * a line at the start and at the end of each step, and once a minute, elsewhere.
 */

const COLUMNS = 100
const REFRESH_MS = 1000
const NOTE_MS = 60_000

/** @param {number} since */
function elapsed(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

export class Progress {
  /** @param {{ quiet?: boolean, stream?: NodeJS.WriteStream }} [options] */
  constructor(options = {}) {
    this.stream = options.stream ?? process.stderr
    this.quiet = options.quiet ?? false
    this.live = this.stream.isTTY === true && !this.quiet
  }

  /** @param {string} text */
  note(text) {
    if (!this.quiet) this.stream.write(`hmm-vm: ${text}\n`)
  }

  /**
   * @template T
   * @param {string} title
   * @param {(detail: (text: string) => void) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(title, work) {
    const start = Date.now()
    let detail = ''
    const draw = () => {
      const text = `hmm-vm: ${title} (${elapsed(start)}) ${detail}`.slice(0, COLUMNS)
      this.stream.write(`\r\u001b[K${text}`)
    }
    const timer = this.live
      ? setInterval(draw, REFRESH_MS)
      : setInterval(() => {
          this.note(`${title} (${elapsed(start)}) ${detail}`.slice(0, COLUMNS))
        }, NOTE_MS)
    if (this.live) draw()
    else this.note(`${title} ...`)
    let outcome = 'failed'
    try {
      const value = await work((text) => {
        detail = text.trim()
      })
      outcome = 'done'
      return value
    } finally {
      clearInterval(timer)
      if (this.live) this.stream.write('\r\u001b[K')
      this.note(`${title}: ${outcome} in ${elapsed(start)}`)
    }
  }
}
