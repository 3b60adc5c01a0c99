import { MemoryFile } from './memory-file.js'

/** A file on a disk: its pages in memory are a cache, and written back. */
export class DiskFile extends MemoryFile {
  override get writesBack(): boolean {
    return true
  }
}
