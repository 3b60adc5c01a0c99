#!/usr/bin/env node
// A file that is there before the first build: only then do package managers link it in a clone.
import '../dist/cli.js'
