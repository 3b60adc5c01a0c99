import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** Where everything that is made or downloaded lives: never inside the checkout. */
export function cacheDirectory() {
  const own = process.env['HMM_SDK_CACHE']
  if (own !== undefined && own !== '') return resolve(own)
  const xdg = process.env['XDG_CACHE_HOME']
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'hmm-sdk')
}

/** @param {...string} parts */
export function cachePath(...parts) {
  return join(cacheDirectory(), ...parts)
}

/**
 * Makes a directory that is either complete or absent: the work happens under another name, and only
 * its success gives the directory its own. What a killed run left behind is removed first.
 * The caller holds a lock for `target`.
 *
 * @param {string} target
 * @param {(partial: string) => Promise<void>} fill
 */
export async function publishDirectory(target, fill) {
  const partial = `${target}.partial`
  await removeTree(partial)
  await mkdir(dirname(target), { recursive: true })
  await mkdir(partial)
  try {
    await fill(partial)
  } catch (error) {
    await removeTree(partial)
    throw error
  }
  await removeTree(target)
  await rename(partial, target)
}

/** @param {string} path */
export async function removeTree(path) {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/**
 * @param {string} path
 * @returns {Promise<unknown>} `undefined` when there is none, or when it is not JSON.
 */
export async function readJson(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Replaces the file in one step.
 *
 * @param {string} path
 * @param {unknown} value
 */
export async function writeJson(path, value) {
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.${process.pid}`
  await writeFile(partial, `${JSON.stringify(value, undefined, 2)}\n`)
  await rename(partial, path)
}
