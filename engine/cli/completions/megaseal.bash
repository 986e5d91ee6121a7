# Completion of megaseal(1) in bash. It needs bash alone, not the bash-completion package.

# Asks the command itself, so that a new backend or operation is completed without a change here. A forced
# backend that does not exist must not get in the way.
_megaseal_info() { MEGASEAL_BACKEND='' "$1" info --json 2>/dev/null; }
_megaseal_backends() {
  _megaseal_info "$1" | grep -o '"name":"[^"]*","state":"available"' | cut -d '"' -f 4
}
_megaseal_operations() {
  _megaseal_info "$1" | sed -n 's/.*"operations":{\([^}]*\)}.*/\1/p' | tr , '\n' | cut -d '"' -f 2
}

_megaseal() {
  local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} verb="" i
  COMPREPLY=()
  # Bash takes "--format=hpke" for three words.
  if [[ $word == = ]]; then
    word=""
  elif [[ $option == = ]] && ((COMP_CWORD > 2)); then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  fi

  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --threads | --backend) [[ ${COMP_WORDS[i + 1]} == = ]] && ((i += 2)) || ((++i)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]} && break ;;
    esac
  done

  local engine="--threads --backend"
  local stream="-o --output --rejects --format --framing --info --psk-file --psk-id --pad --max-record
    $engine -q --quiet --json"
  local options="" values=""
  case $verb in
    "") options="--version $engine -q --quiet" values="keygen pub seal open info selftest bench" ;;
    keygen) options="-o --output -f --force --names --directory" ;;
    pub) options="-q --quiet" values=FILES ;;
    seal) options="-r --recipient -R --recipients-file --directory --prepared-cache $stream" values=FILES ;;
    open) options="-i --identity --directory --skip-foreign $stream" values=FILES ;;
    info) options="$engine --json" ;;
    selftest) options="$engine -q --quiet --json" ;;
    bench) options="--size --batch --seconds $engine --json" values=OPERATIONS ;;
    *) return ;;
  esac
  options+=" -h --help"

  # The value of an option of this verb that takes one; else an option, or what the verb takes.
  local wanted=$values
  if [[ " ${options//$'\n'/ } " == *" $option "* ]]; then
    case $option in
      --format) wanted="hpke sealedbox sealedbox-salsa" ;;
      --framing) wanted="ndjson len32 lines" ;;
      --backend) wanted=BACKENDS ;;
      -o | --output | -R | --recipients-file | -i | --identity) wanted=FILES ;;
      --directory | --names | --rejects | --psk-file) wanted=FILES ;;
      -r | --recipient | --info | --psk-id | --pad | --max-record | --prepared-cache | --threads | \
        --size | --batch | --seconds)
        return ;;
      *) option="" ;;
    esac
  else
    option=""
  fi
  [[ -z $option && ($word == -* || -z $values) ]] && wanted=$options
  case $wanted in
    FILES)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      compopt -o filenames 2>/dev/null  # a slash after directories, blanks quoted
      return ;;
    BACKENDS) wanted=$(_megaseal_backends "${COMP_WORDS[0]}") ;;
    OPERATIONS) wanted=$(_megaseal_operations "${COMP_WORDS[0]}") ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$wanted" -- "$word")
}
complete -F _megaseal megaseal
