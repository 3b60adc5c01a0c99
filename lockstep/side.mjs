// One side of a lockstep run: a backend on which a program runs, step by step, and what is to be seen of it.
import { HmmError, VirtualRange } from '@hmm-sdk/hmm-api'
import { ARENA_PAGES, DEVICES, FILES, FILE_PAGES, PROCESSES } from './program.mjs'

/** A boundary of page tables lies in the middle of the arena. */
const TABLE_PAGES = 512
const PROBE_BYTES = 8
/** Where in a unit of pages its word is: neither in the first page nor in the last one, where it is large. */
const wordOf = (unit) => Math.floor((unit * 5) / 8)

/** What the driver of one mirror knows. */
class Driver {
  /** Page of the arena -> its DMA address, as long as no event took it. */
  table = new Map()
  /** Page -> an address that was revoked or unmapped, until it was probed once. */
  stale = new Map()
  /** Events since the last observation. */
  events = []
  releases = 0
  mirror
  at
  n

  constructor(at, n) {
    this.at = at
    this.n = n
  }

  drop(pages) {
    for (const page of pages) {
      const entry = this.table.get(page)
      if (entry === undefined) continue
      this.table.delete(page)
      this.stale.set(page, entry)
    }
  }
}

export class Side {
  #backend
  #devices
  #fullDevices
  #unit
  #start = 0
  #processes = []
  #files = []
  /** `process.device` -> Driver */
  #drivers = new Map()

  constructor(backend, devices, unit) {
    this.#backend = backend
    this.#unit = unit
    this.#devices = devices
    this.#fullDevices = devices.map((device) => device.memory.freePages)
  }

  /** `unit`: pages that each page of a program stands for. */
  static async open(backend, { unit = 1 } = {}) {
    const devices = []
    for (let index = 0; index < DEVICES; index++)
      devices.push(await backend.openDevice(`device${index}`))
    return new Side(backend, devices, unit)
  }

  /** The first process, its arena without access, the files, a mirror of the arena. */
  async begin() {
    const space = await this.#backend.createAddressSpace({ name: 'process0' })
    this.#processes = [{ space, files: new Set() }, undefined, undefined]
    const arena = ARENA_PAGES * this.#unit
    const reserve = await space.mmap({ pages: arena + 2 * TABLE_PAGES, protection: 'none' })
    const boundary = Math.ceil((reserve.startPage + 1 + arena / 2) / TABLE_PAGES) * TABLE_PAGES
    this.#start = boundary - arena / 2
    this.#files = []
    for (let index = 0; index < FILES; index++) {
      this.#files.push(
        await space.createFile({ pages: FILE_PAGES * this.#unit, name: `file${index}` }),
      )
      this.#processes[0].files.add(this.#files[index])
    }
    await this.#watch(0, 0, 0, ARENA_PAGES)
    for (const device of this.#devices)
      if (device.memory.pages > 0) device.memory.setCpuFaultPages(1)
  }

  /** Runs one step; its result, or what it failed with. */
  async step(step) {
    try {
      return { ok: (await this.#run(step)) ?? null }
    } catch (error) {
      if (!HmmError.is(error)) {
        if (error instanceof RangeError || error instanceof TypeError)
          return { refused: error.name }
        throw error
      }
      return error.page === undefined
        ? { error: error.code }
        : { error: error.code, page: error.page }
    }
  }

  /** What there is to be seen now without changing it. */
  async observe() {
    const mirrors = {}
    const frames = new Map()
    for (const [name, driver] of this.#sorted()) mirrors[name] = await this.#look(driver, frames)
    await this.#forgetTheDead()
    return {
      mirrors,
      processes: this.#processes.map((each) => (each === undefined ? '-' : 'alive')).join(' '),
      freePages: this.#devices.map((device) => device.memory.freePages),
    }
  }

  /**
   * What the CPU of every process reads of every page, which changes it. Of a run of pages that cannot be
   * read, only the ends are tried.
   */
  async contents() {
    const result = {}
    for (const [index, process] of this.#processes.entries()) {
      if (process === undefined) continue
      const pages = []
      for (const { readable, from, to } of runsOf(await this.#readable(process)))
        if (readable) pages.push(...(await this.#readRun(process, from, to)))
        else
          for (let page = from; page < to; page++)
            pages.push(page === from || page === to - 1 ? await this.#tryRead(process, page) : '-')
      result[`process${index}`] = pages
    }
    return result
  }

  /** Closes what the program made; what was left over. */
  async end() {
    const left = []
    for (const [, driver] of this.#sorted()) {
      await driver.mirror.close()
      left.push(...driver.mirror.callbackFailures.map(String))
    }
    this.#drivers.clear()
    for (const process of this.#processes) await process?.space.close()
    for (const process of this.#processes)
      left.push(...(process?.space.leaks ?? []).map((leak) => leak.kind))
    this.#processes = []
    const missing = this.#devices.map(
      (device, index) => this.#fullDevices[index] - device.memory.freePages,
    )
    if (missing.some((pages) => pages !== 0)) left.push(`device pages ${missing.join(' ')}`)
    return left.filter((kind) => kind !== 'file')
  }

  async close() {
    await this.#backend.close()
  }

  /** Which pages of the arena a device could read. */
  async #readable({ space }) {
    const arena = this.#range({ at: 0, n: ARENA_PAGES })
    const mirror = await this.#devices[0].mirror(space, arena, { invalidate: () => undefined })
    const readable = await mirror.faultAndCommit(arena, { request: 'none' }, (pages) =>
      indexes(ARENA_PAGES).map((page) => !pages.error(this.#wordPage(page))),
    )
    await mirror.close()
    return readable
  }

  async #readRun(process, from, to) {
    const { space } = process
    const range = this.#range({ at: from, n: to - from })
    try {
      if (this.#unit > 1) return await this.#tryEach(process, from, to)
      const bytes = await space.read(range.start, range.pages * space.pageSize)
      return indexes(range.pages).map((page) =>
        hex(bytes.subarray(page * space.pageSize, page * space.pageSize + PROBE_BYTES)),
      )
    } catch (error) {
      if (!HmmError.is(error)) throw error
      return this.#tryEach(process, from, to)
    }
  }

  async #tryEach(process, from, to) {
    const pages = []
    for (let page = from; page < to; page++) pages.push(await this.#tryRead(process, page))
    return pages
  }

  async #tryRead({ space }, page) {
    try {
      return hex(await space.read(this.#address(page), PROBE_BYTES))
    } catch (error) {
      if (!HmmError.is(error)) throw error
      return error.code
    }
  }

  // --- steps

  #run(step) {
    switch (step.op) {
      case 'mmap': return this.#mmap(step)
      case 'munmap': return this.#space(step).munmap(this.#range(step))
      case 'mprotect': return this.#space(step).mprotect(this.#range(step), step.prot)
      case 'madvise': return this.#madvise(step)
      case 'mremap': return this.#mremap(step)
      case 'read': return this.#read(step)
      case 'write': return this.#space(step).write(this.#address(step.at), Uint8Array.of(step.value, step.at))
      case 'write-across': return this.#writeAcross(step)
      case 'pageout': return this.#space(step).madvise(this.#range(step), 'pageout')
      case 'create-file': return this.#createFile(step)
      case 'add': return this.#atomic(step, (space, address) => space.fetchAdd(address, step.value))
      case 'exchange': return this.#atomic(step, (space, address) => space.compareExchange(address, step.expected, step.value))
      case 'fork': return this.#fork(step)
      case 'exit': return this.#exit(step)
      case 'truncate': return this.#files[step.f % FILES].truncate(step.size * this.#unit)
      case 'punch': return this.#files[step.f % FILES].punchHole(step.at * this.#unit, step.n * this.#unit)
      case 'guard': return this.#space(step).madvise(this.#range(step), step.remove ? 'guard-remove' : 'guard-install')
      case 'clear-soft-dirty': return this.#space(step).clearSoftDirty()
      case 'soft-dirty': return this.#softDirty(step)
      case 'mirror': return this.#mirror(step)
      case 'evict': return this.#device(step).memory.evict()
      case 'cpu-fault-pages': return this.#device(step).memory.setCpuFaultPages(step.n)
      default: return this.#drive(step)
    }
  } // prettier-ignore

  /** Steps of the driver of a mirror. */
  #drive(step) {
    const names = this.#sorted().map(([name]) => name)
    if (names.length === 0) return 'skipped'
    const driver = this.#drivers.get(names[(step.p * DEVICES + step.d) % names.length])
    const at = Math.max(step.at, driver.at)
    const end = Math.min(step.at + (step.n ?? 1), driver.at + driver.n)
    if (end <= at) return 'skipped'
    const range = this.#range({ at, n: end - at })
    const { mirror } = driver
    switch (step.op) {
      case 'fault': return this.#fault(mirror, range, step)
      case 'map': return mirror.map(
        range, { access: step.access, presentOnly: step.presentOnly }, (mapping) => this.#commit(driver, at, mapping))
      case 'exclusive': return mirror.exclusive(range, {}, (mapping) => this.#commit(driver, at, mapping))
      case 'unmap': return this.#unmap(driver, range, at)
      case 'device-read': return this.#engine(driver, at, (engine, address) => engine.read(address, PROBE_BYTES).then(hex))
      case 'device-write': return this.#engine(driver, at, (engine, address) => engine.write(address, Uint8Array.of(step.value, at, 0xdd)))
      case 'device-add': return this.#engine(driver, at, (engine, address) => engine.fetchAdd(address, step.value))
      case 'migrate': return this.#migrate(mirror, range, step)
      default: throw new TypeError(`no operation '${step.op}'`)
    }
  } // prettier-ignore

  async #mmap({ at, n, prot, map, f, fp, populate, ...step }) {
    const range = this.#range({ at, n })
    const file = map.startsWith('file') ? this.#files[f % FILES] : undefined
    // A process has the files of its birth.
    const process = this.#process(step)
    if (file !== undefined && !process.files.has(file)) return 'skipped'
    await this.#space(step).mmap({
      pages: range.pages,
      at: range.start,
      protection: prot,
      shared: map === 'shared' || map === 'file',
      populate,
      ...(file === undefined ? {} : { file, filePage: fp * this.#unit }),
    })
  }

  async #mremap({ at, n, size, to, fixed, keep, ...step }) {
    const range = this.#range({ at, n })
    const units = keep
      ? range.pages / this.#unit
      : Math.min(size, ARENA_PAGES - (fixed ? to : (range.startPage - this.#start) / this.#unit))
    const moved = await this.#space(step).mremap(range, {
      pages: units * this.#unit,
      // Where a mapping goes when nobody says so is the backend's choice: see NORMALISE.md.
      mayMove: fixed || keep,
      ...(fixed || keep
        ? { to: this.#range({ at: Math.min(to, ARENA_PAGES - units), n: 1 }).start }
        : {}),
      dontUnmap: keep,
    })
    const first = (moved.startPage - this.#start) / this.#unit
    const inside = first >= 0 && first < ARENA_PAGES
    return inside ? `${first}+${moved.pages / this.#unit}` : 'elsewhere'
  }

  async #madvise({ advice, ...step }) {
    const space = this.#space(step)
    const listed = advice === 'free' || advice === 'cold'
    try {
      await space.madvise(this.#range(step), advice)
    } finally {
      // Outside of the arena, where nothing is: it only empties the list, see NORMALISE.md.
      const outside = VirtualRange.fromPages(this.#start - 1, 1, this.#shift)
      if (listed) await space.madvise(outside, 'cold')
    }
  }

  async #read({ at, ...step }) {
    return hex(await this.#space(step).read(this.#address(at), PROBE_BYTES))
  }

  /** The last bytes of a page and the first ones of the next. */
  async #writeAcross({ at, value, ...step }) {
    if (at === ARENA_PAGES - 1) return 'skipped'
    const space = this.#space(step)
    const end = this.#range({ at: at + 1, n: 1 }).start - 2n
    await space.write(end, Uint8Array.of(value, at, value, at))
  }

  /** Takes the place of one of the files, whose mappings keep it. */
  async #createFile({ f, size }) {
    const index = f % FILES
    const [owner] = this.#processes
    await this.#files[index].close()
    this.#files[index] = await owner.space.createFile({
      pages: size * this.#unit,
      name: `file${index}`,
    })
    owner.files.add(this.#files[index])
  }

  /** With a read before it: see NORMALISE.md. */
  async #atomic({ at, ...step }, run) {
    const space = this.#space(step)
    await space.read(this.#address(at), 4)
    return run(space, this.#address(at))
  }

  async #softDirty(step) {
    const dirty = await this.#space(step).softDirty(this.#range(step))
    return listed(dirty.map((each) => (each ? 'd' : '-')))
  }

  async #fork({ d, ...step }) {
    const free = this.#processes.indexOf(undefined)
    if (free < 0 || free >= PROCESSES) return 'skipped'
    const { space, files } = this.#process(step)
    this.#processes[free] = {
      space: await space.fork({ name: `process${free}` }),
      files: new Set(files),
    }
    if (d < DEVICES) await this.#watch(free, d, 0, ARENA_PAGES)
    return `process${free}`
  }

  async #exit({ how, ...step }) {
    // The files belong to the first process, which therefore stays.
    const living = this.#living()
    const index = living[step.p % living.length]
    if (index === 0) return 'skipped'
    const process = this.#processes[index]
    await process.space[how]()
    await process.space.released
    process.gone = true
    return `process${index}`
  }

  async #mirror({ p, d, at, n }) {
    const living = this.#living()
    const index = living[p % living.length]
    const driver = this.#drivers.get(`${index}.${d % DEVICES}`)
    if (driver !== undefined) {
      await driver.mirror.close()
      this.#drivers.delete(`${index}.${d % DEVICES}`)
      return 'closed'
    }
    await this.#watch(index, d % DEVICES, at, Math.min(n, ARENA_PAGES - at))
    return 'opened'
  }

  #fault(mirror, range, { request, per = [] }) {
    const perPage = new Map(per.map(([at, each]) => [this.#wordPage(at), each]).filter(([index]) => index < range.pages))
    const options = { request, ...(perPage.size === 0 ? {} : { perPage }) }
    return mirror.faultAndCommit(range, options, (pages) =>
      listed(this.#shown(range.pages).map((index) => pageState(pages, index))))
  } // prettier-ignore

  /** A driver installs what it was given. */
  #commit(driver, at, mapping) {
    for (const page of this.#wordsIn(at * this.#unit, mapping.pages)) {
      const index = this.#wordPage(page) - at * this.#unit
      if (!mapping.isMapped(index)) continue
      driver.table.set(page, mapping.dmaAddress(index))
      driver.stale.delete(page)
    }
    const pages = this.#shown(mapping.pages).map((index) => {
      if (!mapping.isMapped(index)) return '-'
      const right = mapping.writable(index) ? 'w' : 'r'
      return `${right}${mapping.isDevice(index) ? 'd' : ''}${mapping.isExclusive(index) ? 'x' : ''}`
    })
    return listed(pages)
  }

  #unmap(driver, range, at) {
    driver.mirror.unmap(range)
    driver.drop(this.#wordsIn(at * this.#unit, range.pages))
  }

  /** On one of the pages that the device has mapped. */
  #engine(driver, at, run) {
    const pages = [...driver.table.keys()].sort((a, b) => a - b)
    if (pages.length === 0) return 'not mapped'
    return run(driver.mirror.device.engine, driver.table.get(pages[at % pages.length]))
  }

  async #migrate(mirror, range, { to, decline = [] }) {
    const declined = decline.map((at) => this.#wordPage(at)).filter((index) => index < range.pages)
    const result = await mirror.device.memory.migrate(mirror, range, { to, decline: declined })
    return listed(this.#shown(range.pages).map((index) => result.outcome(index)))
  } // prettier-ignore

  // --- observation

  async #look(driver, frames) {
    const { mirror } = driver
    let pages = 'released'
    // A snapshot brings every event that was raised before.
    if (!mirror.isReleased) {
      pages = await mirror.faultAndCommit(mirror.range, { request: 'none' }, (found) => {
        const states = this.#shown(found.range.pages).map((index) => {
          const state = pageState(found, index)
          if (state === '-' || state === '!') return state
          const frame = found.frame(index)
          if (!frames.has(frame)) frames.set(frame, frames.size)
          return `${state}#${frames.get(frame)}`
        })
        return listed(states)
      })
    }
    const events = driver.events
    driver.events = []
    const mapped = await this.#probe(driver, driver.table)
    const stale = await this.#probe(driver, driver.stale)
    driver.stale.clear()
    return { pages, events: byKind(events, this.#start), mapped, stale, releases: driver.releases }
  }

  /** What the device reads at each address: bytes, or an error. */
  async #probe(driver, addresses) {
    const result = {}
    for (const [page, address] of [...addresses].sort(([a], [b]) => a - b)) {
      try {
        result[page] = hex(await driver.mirror.device.engine.read(address, PROBE_BYTES))
      } catch (error) {
        if (!HmmError.is(error)) throw error
        result[page] = error.code
      }
    }
    return result
  }

  async #forgetTheDead() {
    for (const [index, process] of this.#processes.entries()) {
      if (!process?.gone) continue
      for (const [name, driver] of this.#sorted()) {
        if (!name.startsWith(`${index}.`)) continue
        await driver.mirror.close()
        this.#drivers.delete(name)
      }
      await process.space.close()
      this.#processes[index] = undefined
    }
  }

  // --- what steps refer to

  async #watch(process, d, at, n) {
    const driver = new Driver(at, n)
    driver.mirror = await this.#devices[d].mirror(
      this.#processes[process].space,
      this.#range({ at, n }),
      {
        name: `${process}.${d}`,
        invalidate: (event) => {
          driver.events.push(event)
          driver.drop(this.#wordsIn(event.range.startPage - this.#start, event.range.pages))
        },
        released: () => {
          driver.releases += 1
        },
      },
    )
    this.#drivers.set(`${process}.${d}`, driver)
  }

  #sorted() {
    return [...this.#drivers].sort(([a], [b]) => byText(a, b))
  }

  #living() {
    return indexes(this.#processes.length).filter((index) => this.#processes[index] !== undefined)
  }

  #process({ p }) {
    const living = this.#living()
    return this.#processes[living[p % living.length]]
  }

  #space(step) {
    return this.#process(step).space
  }

  #device({ d }) {
    return this.#devices[d % DEVICES]
  }

  #range({ at, n }) {
    const first = Math.min(at, ARENA_PAGES - 1)
    const pages = Math.min(n, ARENA_PAGES - first) * this.#unit
    return VirtualRange.fromPages(this.#start + first * this.#unit, pages, this.#shift)
  }

  /** Which page of memory, from the begin of the arena, a page of a program reads and writes. */
  #wordPage(page) {
    return page * this.#unit + wordOf(this.#unit)
  }

  /**
   * What is shown of so many pages of memory from the begin of a page of a program: the first, the word's and
   * the last one of each, which is all of them in a unit of 1.
   */
  #shown(pages) {
    const unit = this.#unit
    const places = [...new Set([0, wordOf(unit), unit - 1])]
    return indexes(pages / unit).flatMap((page) => places.map((index) => page * unit + index))
  }

  #address(page) {
    return VirtualRange.fromPages(this.#start + this.#wordPage(page), 1, this.#shift).start
  }

  /** Pages of a program whose word is in pages of memory, which count from the begin of the arena. */
  #wordsIn(first, pages) {
    const from = Math.floor(first / this.#unit)
    const to = Math.ceil((first + pages) / this.#unit)
    return indexes(to - from)
      .map((index) => from + index)
      .filter((page) => this.#wordPage(page) >= first && this.#wordPage(page) < first + pages)
  }

  get #shift() {
    return Math.log2(this.#processes[0].space.pageSize)
  }
}

const byText = (a, b) => (a < b ? -1 : Number(a > b))

/** Neighbouring pages that are alike. */
function runsOf(readable) {
  const runs = []
  for (const [page, value] of readable.entries()) {
    const last = runs.at(-1)
    if (last?.readable === value) last.to = page + 1
    else runs.push({ readable: value, from: page, to: page + 1 })
  }
  return runs
}

const indexes = (count) => Array.from({ length: count }, (_, index) => index)

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** `-` not present, `!` can never be accessed, else right, place and order. */
function pageState(pages, index) {
  if (!pages.valid(index)) return pages.error(index) ? '!' : '-'
  const order = pages.order(index)
  return `${pages.writable(index) ? 'w' : 'r'}${pages.isDevice(index) ? 'd' : ''}${order > 0 ? order : ''}`
}

/** Events as sets of pages of the arena by kind, cause, and whether the kernel could wait. */
function byKind(events, start) {
  const kinds = {}
  for (const { kind, self, blockable, coalesced, range } of events) {
    const name = `${self ? 'self-' : ''}${kind}${blockable ? '' : '-nonblockable'}${coalesced ? '-coalesced' : ''}`
    const first = range.startPage - start
    kinds[name] ??= new Set()
    for (let page = first; page < first + range.pages; page++) kinds[name].add(page)
  }
  return Object.fromEntries(
    Object.keys(kinds)
      .sort(byText)
      .map((name) => [name, ranges([...kinds[name]].sort((a, b) => a - b))]),
  )
}

/** `1,3-5`. */
function ranges(numbers) {
  const runs = []
  for (const number of numbers) {
    const last = runs.at(-1)
    if (last?.to === number - 1) last.to = number
    else runs.push({ from: number, to: number })
  }
  return runs.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

/** `- - -` as `-*3`. */
function listed(states) {
  const runs = []
  for (const state of states) {
    const last = runs.at(-1)
    if (last?.state === state) last.count += 1
    else runs.push({ state, count: 1 })
  }
  return runs.map(({ state, count }) => (count === 1 ? state : `${state}*${count}`)).join(' ')
}
