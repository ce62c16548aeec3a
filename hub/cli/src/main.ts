#!/usr/bin/env node
import { EXIT } from './exit-codes.ts';
import { runSteward } from './program/program.ts';
import { processTerminal } from './terminal/process-terminal.ts';

const { terminal, wasInterrupted, wasUnwritable } = processTerminal();
const code = await runSteward(process.argv.slice(2), terminal);
const ended = terminal.signal.aborted ? EXIT.ok : code;
process.exitCode = wasInterrupted() ? EXIT.interrupted : wasUnwritable() ? EXIT.failed : ended;
