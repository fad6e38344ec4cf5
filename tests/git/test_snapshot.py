"""try"""
from tests.git import witness

def test_x(repo):
    witness.write(repo, {"new.txt": "n", "train.py": "changed\n"})
    ran = witness.run(repo)
    assert ran.tree == witness.reference(repo)
    print(ran)
    import json
    print(json.dumps(ran.start, indent=1))
