#!/usr/bin/env node
import { EXIT } from './exit-codes.ts';
import { runSteward } from './program/program.ts';
import { processTerminal } from './terminal/process-terminal.ts';

const { terminal, wasInterrupted } = processTerminal();
const code = await runSteward(process.argv.slice(2), terminal);
process.exitCode = wasInterrupted() ? EXIT.interrupted : terminal.signal.aborted ? EXIT.ok : code;
