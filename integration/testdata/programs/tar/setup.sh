. "$(dirname "$0")/../tree.sh"
tree tree
[ "$(id -u)" = 0 ] || chmod u+r tree/modes/f0000
