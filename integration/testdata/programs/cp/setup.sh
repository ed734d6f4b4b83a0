. "$(dirname "$0")/../tree.sh"
tree tree
