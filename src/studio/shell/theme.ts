/** Light and dark. */
import { remembered } from './remembered.ts';

/** The color themes; `auto` is the system's. */
export const themes = ['auto', 'light', 'dark'] as const;

/** The visitor's theme. The page that `kuosan export --web` writes keeps it under the same name. */
export const theme = remembered('kuosan-theme', themes, 'auto');

if (typeof document !== 'undefined')
  theme.subscribe((value) => {
    if (value === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = value;
  });
