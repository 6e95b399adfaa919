const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

const key = 'kuosan-theme';

/** A button that goes round the color themes; the choice is kept. */
export function openTheme(button: HTMLButtonElement): void {
  let theme = stored();
  const show = () => {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length]!;
    try {
      localStorage.setItem(key, theme);
    } catch {
      // Some browsers keep nothing for some pages; the theme then holds until the page is closed.
    }
    show();
  });
  show();
}

function stored(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? 'auto';
  } catch {
    return 'auto';
  }
}
