import type { RawAddressSpace, RawDevice, RawFile, RawMirror } from '@hmm-sdk/hmm-api/raw'

/** Pages that the programs work on. */
export const ARENA_START = 0x1000
export const ARENA_PAGES = 24
export const FILE_PAGES = 8

/** What a file holds, page by page. */
export interface ModelFile {
  readonly raw: RawFile | undefined
  values: number[]
}

/** What one page of a process is, in the simplest terms. */
export interface ModelPage {
  readonly protection: number
  readonly shared: boolean
  readonly file: ModelFile | undefined
  readonly filePage: number
  /** Contents of a private page; undefined while it still shows the file's (or zeros). */
  own: number | undefined
}

export interface ModelProcess {
  readonly raw: RawAddressSpace
  readonly pages: (ModelPage | undefined)[]
  /** One mirror of the arena per device. */
  readonly mirrors: RawMirror[]
}

export interface World {
  readonly devices: RawDevice[]
  readonly processes: ModelProcess[]
  readonly files: ModelFile[]
}

/** What a read gives: a number, or the errno. */
export function expectedRead(page: ModelPage | undefined): number | string {
  if (page === undefined || page.protection === 0) return 'EFAULT'
  if (beyondEnd(page)) return 'EFAULT'
  return page.own ?? page.file?.values[page.filePage] ?? 0
}

/** The errno that a device access gets, undefined if it works. */
export function expectedDevice(page: ModelPage | undefined, write: boolean): string | undefined {
  if (page === undefined || (page.protection & 1) === 0) return 'EFAULT'
  if (write && (page.protection & 2) === 0) return 'EPERM'
  return beyondEnd(page) ? 'EFAULT' : undefined
}

export function beyondEnd(page: ModelPage): boolean {
  if (page.file === undefined || page.filePage < page.file.values.length) return false
  // A private copy outlives the end of its file only until the truncation drops it.
  return true
}

/** A write that was let through. */
export function modelWrite(page: ModelPage, value: number): void {
  if (page.shared) page.file!.values[page.filePage] = value
  else page.own = value
}
