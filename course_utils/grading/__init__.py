"""Grading that a student's process cannot decide: it only answers questions, and another process compares.

The rooms, in the order in which a submission passes through them:

- ``submissions`` finds and reads what students handed in, every byte of it untrusted;
- ``lectures`` recognises the lecture's own cells, so that only what the student wrote is run;
- ``sandbox`` starts one bubblewrap sandbox, in which ``zygote`` has torch imported and forks a jail per submission;
- ``confine`` and ``runner`` work inside that jail: take every privilege away, run the cells, observe the answers;
- ``wire`` carries plain data between the two sides;
- ``judge`` asks the questions and decides; ``run`` does so for a folder, ``reports`` writes what came of it.
"""
