/** The studio's first script: the shell, and the page that the address names. */
// oxlint-disable-next-line import/no-unassigned-import -- a style sheet
import 'katex/dist/katex.min.css';
import { mount } from 'svelte';
import App from './app.svelte';

mount(App, { target: document.getElementById('studio')! });
