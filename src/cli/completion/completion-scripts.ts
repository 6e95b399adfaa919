/** What a shell runs to complete words: it asks `kuosan complete`, which prints a line each, and `:files` where names of files fit too. */

const bash = `# kuosan completion bash >> ~/.bashrc
_kuosan() {
  local line value files=
  local typed=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then files=1; continue; fi
    value=\${line%%$'\\t'*}
    # bash breaks words at =, so only what follows is replaced.
    if [[ $value == --*=* && $COMP_WORDBREAKS == *=* ]]; then value=\${value#*=}; fi
    COMPREPLY+=("$value")
  done < <(kuosan complete -- "\${typed[@]}" 2>/dev/null)
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    local current=\${COMP_WORDS[COMP_CWORD]}
    [[ $current == = ]] && current=
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  fi
}
complete -F _kuosan kuosan
`;

const zsh = `#compdef kuosan
# kuosan completion zsh >> ~/.zshrc
_kuosan() {
  local line files=
  local -a values
  for line in "\${(@f)$(kuosan complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then files=1
    elif [[ -n $line ]]; then values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( $#values )) && _describe -V kuosan values
  [[ -n $files ]] && _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _kuosan kuosan
`;

const fish = `# kuosan completion fish > ~/.config/fish/completions/kuosan.fish
function __kuosan_complete
  set -l typed (commandline -opc)[2..-1] (commandline -ct)
  for line in (kuosan complete -- $typed 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c kuosan -f -k -a '(__kuosan_complete)'
`;

/** The script for each shell. */
export const completionScripts = { bash, zsh, fish } as const;

/** One of the shells. */
export type Shell = keyof typeof completionScripts;
